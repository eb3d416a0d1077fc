// Tabs, of which one shows its panel: markup of the page made alive.

/**
 * Make the tabs within `box` work: buttons with role="tab" and aria-controls, panels with
 * role="tabpanel". Returns `{isOpen(panel), onOpen(show)}`; `show(panel)` is called for each panel
 * that comes to be seen.
 */
export function tabs(box) {
  const all = [...box.querySelectorAll('[role="tab"]')];
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  const listeners = [];

  function open(tab) {
    for (const one of all) {
      one.setAttribute("aria-selected", String(one === tab));
      one.tabIndex = one === tab ? 0 : -1;
      panelOf(one).hidden = one !== tab;
    }
    for (const show of listeners) show(panelOf(tab));
  }

  function onKey(event) {
    const at = all.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = all[to % all.length];
    open(tab);
    tab.focus();
  }

  for (const tab of all) {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", onKey);
  }
  return { isOpen: (panel) => !panel.hidden, onOpen: (show) => listeners.push(show) };
}
