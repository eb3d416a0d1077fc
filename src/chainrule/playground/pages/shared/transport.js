// The bar above an experiment: play, step, begin anew, speed, undo, redo, and counters.

import { element } from "./controls.js";
import { icon } from "./icons.js";

const SPEEDS = [null, 1000, 100, 10, 2]; // steps a second; as many as there can be if null

/**
 * The bar. `counters` are `{label, read, width}`: `read(frame)` gives the text, `width` its room in
 * letters, and those that are `minor` are left out on a phone; `more` are elements that stand at
 * the end. With `epochs` there is a button for one, of as many steps as frames say under
 * `epoch_steps`. `pace` is how quick it is at first.
 */
export function transport(experiment, { counters = [], more = [], epochs = false, pace = null } = {}) {
  const play = element("button", { type: "button", class: "main play", onclick: () => experiment.play(!experiment.playing) });
  const shows = { playing: null };
  const undo = button("undo", "Undo", "Undo (Ctrl+Z)", () => experiment.undo());
  const redo = button("redo", "Redo", "Redo (Ctrl+Shift+Z)", () => experiment.redo());
  const told = counters.map((one) => counter(one));

  showPlaying(false);
  undo.disabled = redo.disabled = true;
  experiment.onFrame((frame) => {
    showPlaying(frame.play?.playing ?? false);
    undo.disabled = !frame.play?.undo;
    redo.disabled = !frame.play?.redo;
    for (const { show } of told) show(frame);
  });

  function showPlaying(playing) {
    if (shows.playing === playing) return;
    shows.playing = playing;
    play.replaceChildren(icon(playing ? "pause" : "play"), playing ? "Pause" : "Play");
    play.title = `${playing ? "Pause" : "Play"} (space bar)`;
  }

  return element(
    "section",
    { class: "transport", "aria-label": "Training" },
    element(
      "div",
      { class: "buttons" },
      play,
      button("step", "Step", "One step (s)", () => experiment.step()),
      epochs ? button("epoch", "One epoch", "One epoch", () => experiment.step(experiment.frame?.epoch_steps ?? 1)) : null,
      button("anew", "Begin anew", "Begin anew under the same settings (r)", () => experiment.restart()),
      undo,
      redo,
      speed(experiment, pace),
    ),
    element("dl", { class: "counters" }, ...told.map(({ box }) => box)),
    ...more,
  );
}

function button(sign, label, title, onclick) {
  const lettering = element("span", { class: "lettering" }, label);
  return element("button", { type: "button", title, "aria-label": label, onclick }, icon(sign), lettering);
}

function counter({ label, read, width = 7, minor = false }) {
  const value = element("dd", { style: `min-width: ${width}ch` }, "–");
  const show = (frame) => {
    const text = read(frame);
    if (value.textContent !== text) value.textContent = text;
  };
  return { box: element("div", { class: minor ? "minor" : null }, element("dt", {}, label), value), show };
}

function speed(experiment, pace) {
  const options = SPEEDS.map((one) =>
    element("option", { value: one ?? "" }, one ? `${one.toLocaleString("en")} / s` : "full speed"),
  );
  const select = element(
    "select",
    { "aria-label": "Speed", title: "Speed: steps a second", onchange: () => experiment.pace(Number(select.value) || null) },
    ...options,
  );
  if (pace) experiment.pace(pace);
  experiment.onFrame(({ play }) => {
    if (play && document.activeElement !== select) select.value = play.speed ?? "";
  });
  select.value = pace ?? "";
  return select;
}
