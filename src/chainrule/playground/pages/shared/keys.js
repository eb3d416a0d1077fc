// The keys of every page. They leave alone what a control under the focus does with them.

const WRITES = "input:not([type=range], [type=checkbox], [type=radio]), select, textarea, [contenteditable]";
const PRESSED = [
  "a, button, summary, input:not([type=range])",
  ...["button", "checkbox", "menuitem", "option", "radio", "switch", "tab"].map((role) => `[role=${role}]`),
].join(", ");

/** The keys and what they do, for people. */
export const COMMON_KEYS = [
  ["Space", "play or pause"],
  ["S", "one step"],
  ["R", "begin anew"],
  ["Ctrl Z", "undo"],
  ["Ctrl Shift Z", "redo"],
  ["?", "this help"],
];

/** Have keys work on an experiment. */
export function listenToKeys(experiment) {
  addEventListener("keydown", (event) => {
    const taken = event.defaultPrevented || event.isComposing || event.altKey;
    if (taken || document.querySelector("dialog[open]") || within(event, WRITES)) return;
    const deed = event.ctrlKey || event.metaKey ? held(experiment, event) : alone(experiment, event);
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}

function held(experiment, { key, shiftKey }) {
  const letter = key.toLowerCase();
  if (letter === "z") return shiftKey ? () => experiment.redo() : () => experiment.undo();
  return letter === "y" && !shiftKey ? () => experiment.redo() : null;
}

function alone(experiment, event) {
  if (event.shiftKey) return null;
  if (event.key === "s") return () => experiment.step();
  if (event.repeat) return null;
  if (event.key === "r") return () => experiment.restart();
  const plays = event.key === " " && !within(event, PRESSED);
  return plays ? () => experiment.play(!experiment.playing) : null;
}

function within(event, selector) {
  return event.target instanceof Element && event.target.closest(selector) !== null;
}
