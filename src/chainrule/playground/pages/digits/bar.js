// The bar above the experiment: training, counters, what is given away, help.

import { exportMenu } from "../shared/exports.js";
import { help } from "../shared/help.js";
import { transport } from "../shared/transport.js";
import { percent } from "./numbers.js";

const PACE = 100; // steps a second at first, so that one sees it learn

const FILES = [
  { name: "script", label: "Python script", note: "trains the same network to the same loss" },
  { name: "model", label: "Model", note: "the network as it is now" },
  { name: "picture", label: "Picture", note: "the curves, as SVG" },
];

const COUNTERS = [
  { label: "epoch", width: 7, read: ({ epoch }) => epoch.toLocaleString("en", { maximumFractionDigits: 2 }) },
  { label: "test accuracy", width: 7, read: ({ score }) => percent(score.test) },
  { label: "steps", width: 7, read: ({ steps }) => steps.toLocaleString("en"), minor: true },
  { label: "steps/s", width: 6, read: ({ play }) => (play?.playing ? rate(play) : "–"), minor: true },
  { label: "weights", width: 8, read: ({ params }) => params.toLocaleString("en"), minor: true },
];

// Of the time that steps take, or of what they are held to.
function rate({ rate, speed }) {
  return Math.round(Math.min(rate, speed ?? Infinity)).toLocaleString("en");
}

const ABOUT = [
  "Let it train, draw a digit, and see the drawing pass through the layers to ten probabilities.",
  "While training goes on, the answer is asked for again every second.",
  "A drawing is brought to the form that the images of the set have before the network sees it.",
  "Everything that is set stands in the address of the page, so an experiment is a link.",
];

const KEYS = [
  ["arrow keys", "on the pad: move the pen"],
  ["Space", "on the pad: put the pen down, lift it"],
  ["Backspace", "on the pad: take the last stroke back"],
  ["Delete", "on the pad: clear it"],
  ["arrow keys", "on the table of mistakes and on the map: walk"],
];

/** Put the bar where `place` is. */
export function layOutBar(experiment, place) {
  const button = help({ title: "Digits", about: ABOUT, keys: KEYS });
  const more = [exportMenu(experiment, FILES), button];
  place.replaceWith(transport(experiment, { counters: COUNTERS, epochs: true, pace: PACE, more }));
}
