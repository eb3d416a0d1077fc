// The bar above: play, steps, the slider of time, speed, undo, redo, exports, and the keys for them.

import { element } from "../shared/controls.js";
import { exportMenu } from "../shared/exports.js";
import { help } from "../shared/help.js";
import { icon } from "../shared/icons.js";
import { SPEEDS } from "./clock.js";

const ABOUT = [
  "Several optimisers start from one place and go downhill by the same gradients. Their ways are drawn whole, " +
    "faintly; the marks show where each of them is at the step above.",
  "A click on the picture sets the start. Choose an optimiser at the right to have its steps spelled out in numbers.",
];
const KEYS = [
  ["Space", "play or pause"],
  ["S", "one step"],
  ["R", "to the start"],
  ["Ctrl Z", "undo"],
  ["Ctrl Shift Z", "redo"],
  ["← → ↑ ↓", "move the start, on the picture"],
  ["?", "this help"],
];

/** Fill `box` with the bar of an experiment whose time is `clock`. */
export function layOutBar(experiment, clock, box) {
  const play = element("button", { type: "button", class: "main play", onclick: () => clock.toggle() });
  const undo = button("undo", "Undo", "Undo (Ctrl+Z)", () => experiment.undo());
  const redo = button("redo", "Redo", "Redo (Ctrl+Shift+Z)", () => experiment.redo());
  const slider = element("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "Step that is shown",
    oninput: () => {
      const step = Number(slider.value); // before the clock shows it its own
      clock.pause();
      clock.to(step);
    },
  });
  const told = element("output", { class: "now" });
  const buttons = element(
    "div",
    { class: "buttons" },
    play,
    button("anew", "To the start", "To the start (r)", () => start(clock)),
    button("step", "Step", "One step (s)", () => clock.by(1)),
    undo,
    redo,
    speed(clock),
  );
  const files = [
    { name: "script", label: "Python script", note: "repeats these descents" },
    { name: "picture", label: "Picture", note: "SVG" },
  ];
  box.append(
    element(
      "section",
      { class: "transport", "aria-label": "Time" },
      buttons,
      element("label", { class: "time" }, element("span", { class: "soft" }, "step"), slider, told),
      exportMenu(experiment, files),
      help({ title: "Descent", about: ABOUT, keys: KEYS, common: [] }),
    ),
  );

  let shown = null;
  clock.onTick(() => {
    slider.max = clock.length;
    slider.value = clock.step;
    told.textContent = `${clock.step} of ${clock.length}`;
    if (shown === clock.playing) return;
    shown = clock.playing;
    play.replaceChildren(icon(shown ? "pause" : "play"), shown ? "Pause" : "Play");
    play.title = `${shown ? "Pause" : "Play"} (space bar)`;
  });
  experiment.onFrame(({ play: state }) => {
    undo.disabled = !state?.undo;
    redo.disabled = !state?.redo;
  });
  // Before the experiment hears of a key: here time is the page's own.
  addEventListener("keydown", (event) => onKey(event, clock), { capture: true });
}

function onKey(event, clock) {
  const writes = event.target.closest?.("input:not([type=range]):not([type=checkbox]), select, textarea");
  if (writes || event.altKey || event.ctrlKey || event.metaKey) return;
  const key = event.key.toLowerCase();
  const pressed = event.target.closest?.("button, a, summary, [role=button], input[type=checkbox]");
  if (key === " " && !pressed) clock.toggle();
  else if (key === "s") clock.by(1);
  else if (key === "r") start(clock);
  else return;
  event.preventDefault(); // and so the experiment's own keys leave it alone
}

function start(clock) {
  clock.pause();
  clock.to(0);
}

function button(sign, label, title, onclick) {
  const lettering = element("span", { class: "lettering" }, label);
  return element("button", { type: "button", title, "aria-label": label, onclick }, icon(sign), lettering);
}

function speed(clock) {
  const options = SPEEDS.map((one) => element("option", { value: one }, `${one} / s`));
  const select = element("select", { "aria-label": "Speed", title: "Speed, steps a second" }, ...options);
  select.value = clock.speed;
  select.addEventListener("change", () => (clock.speed = Number(select.value)));
  return select;
}
