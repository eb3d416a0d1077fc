// The panels under the network, as high as the window where somebody wants to read in them.

/** Have `button` make `panels` high, and low again. */
export function enlarge(button, panels) {
  button.addEventListener("click", () => {
    const high = panels.classList.toggle("high");
    button.setAttribute("aria-pressed", String(high));
    // What was dragged by its corner has a height of its own.
    for (const panel of panels.querySelectorAll('[role="tabpanel"]')) panel.style.height = "";
    panels.scrollIntoView({ block: high ? "start" : "nearest" });
  });
}
