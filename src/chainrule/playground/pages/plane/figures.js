// Numbers and names as people read them.

import { figure as plain } from "../shared/ticks.js";

/** A number that was measured, with three figures and a minus sign. */
export function figure(value) {
  return plain(value).replace(/-/g, "−");
}

/** A share as percent. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  return `${(100 * share).toFixed(share > 0.0995 && share < 0.9995 ? 0 : 1)} %`;
}

/** What a person calls a neuron: "hidden layer 1, neuron 3", "feature x1". */
export function nameOf(frame, layer, unit) {
  const { name, labels } = frame.layers[layer];
  if (layer === 0) return `feature ${labels[unit] ?? unit + 1}`;
  if (layer < frame.layers.length - 1) return `${name.replace("hidden", "hidden layer")}, neuron ${unit + 1}`;
  return frame.kind === "number" ? "output" : `output ${labels[unit] ?? unit + 1}`;
}
