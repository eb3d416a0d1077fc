// Numbers and names as people read them.

import { figure as plain } from "../shared/ticks.js";

const RAISED = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((sign, digit) => [digit, sign])) };

/** A number that was measured, with three figures: 0.123, −4.56, 1.20×10⁻⁵. */
export function figure(value) {
  return plain(value)
    .replace(/e(.+)$/, (_, exponent) => `×${powerOfTen(exponent)}`)
    .replace(/-/g, "−");
}

/** Ten to the power of a whole number. */
export function powerOfTen(exponent) {
  return `10${[...String(exponent)].map((one) => RAISED[one]).join("")}`;
}

/** A share as percent; nothing is rounded to all or to none. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share > 0.999 && share < 1) return "> 99.9 %";
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
}

/** What a person calls a neuron: "hidden layer 1, neuron 3", "feature x1". */
export function nameOf(frame, layer, unit) {
  const { name, labels } = frame.layers[layer];
  if (layer === 0) return `feature ${labels[unit] ?? unit + 1}`;
  if (layer < frame.layers.length - 1) return `${name.replace("hidden", "hidden layer")}, neuron ${unit + 1}`;
  return frame.kind === "number" ? "output" : `output ${labels[unit] ?? unit + 1}`;
}
