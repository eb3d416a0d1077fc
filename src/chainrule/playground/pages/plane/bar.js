// The bar above the experiment: training, counters, what is given away, help.

import { exportMenu } from "../shared/exports.js";
import { help } from "../shared/help.js";
import { transport } from "../shared/transport.js";

const FILES = [
  { name: "script", label: "Python script", note: "trains the same network to the same loss" },
  { name: "model", label: "Model", note: "the network as it is now, for chainrule.io" },
  { name: "data", label: "Data", note: "the points and which part they are in, as CSV" },
  { name: "picture", label: "Picture", note: "the plane with its points, as SVG" },
];

const COUNTERS = [
  { label: "epoch", width: 7, read: ({ epoch }) => fixed(epoch, epoch < 1000 ? 1 : 0) },
  { label: "steps", width: 7, read: ({ steps }) => whole(steps) },
  { label: "steps/s", width: 6, read: ({ play }) => (play?.playing ? whole(play.rate) : "–") },
  { label: "weights", width: 6, read: ({ params }) => whole(params) },
];

const ABOUT = [
  "Each picture shows the whole plane as one neuron sees it; lines are weights, blue above zero and orange below.",
  "Point at the large picture: formulas, graph and network show the numbers of that point.",
  "Everything that is set stands in the address of the page, so an experiment is a link.",
];

const KEYS = [
  ["arrow keys", "on the large picture: move the point"],
  ["arrow keys", "on the tabs: the next one"],
];

/** Fill the bar. */
export function layOutBar(experiment, box) {
  const menu = exportMenu(experiment, FILES);
  const button = help({ title: "The plane", about: ABOUT, keys: KEYS });
  box.replaceChildren(transport(experiment, { counters: COUNTERS, epochs: true, more: [menu, button] }));
}

function fixed(value, digits) {
  return Number.isFinite(value) ? value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : "–";
}

function whole(value) {
  return fixed(value, 0);
}
