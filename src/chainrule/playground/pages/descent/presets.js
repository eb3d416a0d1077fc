// Experiments worth seeing, each a button: what is set, everything else being as usual.

import { element } from "../shared/controls.js";

const PRESETS = [
  {
    label: "Overstepping",
    settings: { function: "parabola", start_x: -0.3, lr: 1.05, optimizers: ["sgd", "momentum"], steps: 50 },
  },
  { label: "The local valley", settings: { function: "valleys", momentum: 0.9, optimizers: ["sgd", "momentum", "adam"] } },
  {
    label: "The ravine: momentum helps",
    settings: { function: "ravine", optimizers: ["sgd", "momentum"] },
  },
  { label: "The plateau", settings: { function: "plateau" } },
  { label: "The saddle", settings: { function: "saddle" } },
  {
    label: "The cliff",
    settings: { function: "cliff", lr: 1, optimizers: ["sgd", "momentum", "rmsprop"] },
  },
  {
    label: "Waves and noise",
    settings: { function: "waves", lr: 0.1, noise: 2, steps: 200, optimizers: ["sgd", "momentum", "adam"] },
  },
];

/** Fill `box` with the buttons; `begin(given)` sets one and plays it. */
export function layOutPresets(experiment, box, begin) {
  for (const { label, settings } of PRESETS) {
    const onclick = () => {
      const usual = Object.fromEntries(Object.entries(experiment.table).map(([name, { usual }]) => [name, usual]));
      begin({ ...usual, ...settings });
    };
    box.append(element("button", { type: "button", onclick }, label));
  }
}
