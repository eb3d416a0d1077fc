// Where the controls stand: what is used most beside the drawings, everything else under "More".

import { control, controls, element } from "../shared/controls.js";
import { stack } from "../shared/stack.js";

const STRIP = ["lr", "optimizer", "activation", "batch_size"];
const DATA = ["points", "noise"];
const ELSEWHERE = ["data", "drawn", "features", "layers"]; // pictures, pen, ticks, a list
const OWN = ["drawn", "csv"]; // data that are as they are
const HEADS = { data: "Data", features: "Features", network: "Network", training: "Training" };

/** Fill the boxes for settings; `box(id)` finds one. Every setting of the table gets a place. */
export function layOutSettings(experiment, box) {
  const there = (names) => names.filter((name) => name in experiment.table);
  box("strip").replaceChildren(...there(STRIP).map((name) => control(experiment, name)));
  box("data-settings").replaceChildren(...there(DATA).map((name) => control(experiment, name)));
  experiment.onSettings(({ data }) => box("data-settings").toggleAttribute("inert", OWN.includes(data)));
  box("features").replaceChildren(...there(["features"]).map((name) => control(experiment, name)));
  const shown = [...STRIP, ...DATA, ...ELSEWHERE];
  box("more-settings").replaceChildren(...groups(experiment).map((group) => more(experiment, group, shown)).filter(Boolean));
}

function groups(experiment) {
  return [...new Set(Object.values(experiment.table).map((setting) => setting.group))];
}

function more(experiment, group, shown) {
  const found = controls(experiment, group, { without: shown });
  if (experiment.table.layers?.group === group) found.push(stack(experiment, "layers"));
  if (!found.length) return null;
  return element("section", {}, element("h3", {}, HEADS[group] ?? group), ...found);
}
