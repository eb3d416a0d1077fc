// The controls. A start or a rate that nobody set is the function's own, and shown as such.

import { control, controls, element } from "../shared/controls.js";

/** Fill the boxes with the controls of an experiment. */
export function layOutSettings(experiment, box) {
  const used = asUsed(experiment);
  box("function").append(control(experiment, "function"), control(used, "start_x"), control(used, "start_y"));
  box("optimizers").append(...controls(used, "optimizers"), ownRates(experiment));
  box("run").append(...controls(used, "run"));
  experiment.onFrame(({ dims, about }) => {
    box("function").querySelector("[data-setting=start_y]").classList.toggle("unused", dims === 1);
    for (const input of box("function").querySelectorAll("[data-setting=start_y] input")) input.disabled = dims === 1;
    box("about").textContent = about;
  });
  experiment.onSettings(({ lr, lr_adaptive }) => {
    box("own-rates").disabled = lr === null && lr_adaptive === null;
  });
}

/**
 * The experiment as controls want it: every setting a value, those of the frame. A frame that
 * comes while a number is typed waits until that is done, so as not to take it away.
 */
function asUsed(experiment) {
  const shows = [];
  let latest = null;
  function tell() {
    if (latest && !document.activeElement?.matches("[data-setting] input[type=number]")) {
      for (const show of shows) show(latest);
    }
  }
  experiment.onFrame(({ used }) => {
    latest = used;
    tell();
  });
  addEventListener("focusout", () => setTimeout(tell)); // when the focus is where it goes
  return {
    table: experiment.table,
    get settings() {
      return experiment.frame.used;
    },
    change: (given, options) => experiment.change(given, options),
    onSettings(show) {
      shows.push(show);
      if (latest) show(latest);
    },
  };
}

function ownRates(experiment) {
  const onclick = () => experiment.change({ lr: null, lr_adaptive: null });
  return element("button", { type: "button", id: "own-rates", onclick }, "Rates that suit the function");
}
