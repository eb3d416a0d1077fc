// The controls of all that can be set, by the groups of the table.

import { control, element } from "../shared/controls.js";
import { stack } from "../shared/stack.js";

const HEADS = { data: "Data", network: "Network", training: "How it learns" };
const CALLED = { layers: "Layer", channels: "Convolution" };
const OF_CNN = ["channels", "kernel"];

/** All controls in `box`; those of convolutions only while there are any. */
export function layOutSettings(experiment, box) {
  for (const [group, head] of Object.entries(HEADS)) {
    const names = Object.keys(experiment.table).filter((name) => experiment.table[name].group === group);
    const title = element("h2", { id: `${group}-head` }, head);
    const made = names.map((name) => controlOf(experiment, name));
    box.append(element("section", { class: "panel", "aria-labelledby": title.id }, title, ...made));
  }
  experiment.onSettings(({ kind }) => {
    for (const name of OF_CNN) box.querySelector(`[data-setting="${name}"]`).hidden = kind !== "cnn";
  });
}

function controlOf(experiment, name) {
  if (experiment.table[name].kind !== "sizes") return control(experiment, name);
  return stack(experiment, name, { one: CALLED[name], usual: 32 });
}
