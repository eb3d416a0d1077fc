// What a page is, and its keys: a button "?" and a dialog.

import { element } from "./controls.js";
import { COMMON_KEYS } from "./keys.js";

/**
 * A button that opens the help, as the key ? does. `about` are sentences on what the page is,
 * `keys` the page's own, as `[key, deed]`, after the common ones; `common` may be fewer of these.
 */
export function help({ title, about = [], keys = [], common = COMMON_KEYS }) {
  const dialog = element(
    "dialog",
    { class: "help", "aria-labelledby": "help-title" },
    element("h2", { id: "help-title" }, title),
    ...about.map((sentence) => element("p", {}, sentence)),
    element("h3", {}, "Keys"),
    element("dl", { class: "keys" }, ...[...common, ...keys].flatMap(line)),
    element("form", { method: "dialog" }, element("button", { class: "main", autofocus: true }, "Close")),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  document.body.append(dialog);
  addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.defaultPrevented || event.target.closest?.("input:not([type=range]), textarea")) return;
    event.preventDefault();
    dialog.showModal();
  });
  const open = { type: "button", class: "icon", "aria-label": "Help", title: "Help (?)", "aria-haspopup": "dialog" };
  return element("button", { ...open, onclick: () => dialog.showModal() }, "?");
}

// "Ctrl Z" are two keys, held together; "arrow keys" are what they are called.
function line([key, deed]) {
  const held = /^(Ctrl|Shift) /.test(key) ? key.split(" ") : [key];
  const pressed = held.flatMap((one, i) => [i ? " + " : "", element("kbd", {}, one)]);
  return [element("dt", {}, ...pressed), element("dd", {}, deed)];
}
