// The options of a list of things that are numbered, such as the maps of a layer.

import { element } from "../shared/controls.js";

/** So many options, "Map 1" and on, with values from 0. */
export function optionsOf(name, count, chosen) {
  return Array.from({ length: count }, (_, i) => element("option", { value: i, selected: i === chosen }, `${name} ${i + 1}`));
}
