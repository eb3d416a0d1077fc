// How large gradients and updates are in each layer, on a logarithmic scale, beside what is healthy.
//
// Sizes are root mean squares; that of an update is a part of the weights', and most networks learn
// well where it is about a thousandth.

import { element } from "../shared/controls.js";
import { seldom } from "../shared/timing.js";
import { figure, powerOfTen } from "./figures.js";

const LOW = 1e-8; // ends of the scale
const HIGH = 10;
const TICKS = [1e-7, 1e-5, 1e-3, 1e-1, 10];
const HEALTHY = [1e-4, 1e-2]; // of updates, as parts of the weights
const TINY = 1e-6; // a gradient that is hardly felt
const OFTEN = 150; // milliseconds between two readings

/** A row for each layer in `box`. */
export class Sizes {
  constructor(box, experiment) {
    this.rows = element("div", { class: "size-rows" });
    this.shape = "";
    box.classList.add("sizes");
    box.append(scale(), this.rows);
    const show = seldom((frame) => this.show(frame), OFTEN);
    experiment.onFrame(show);
  }

  show(frame) {
    const { sizes = [] } = frame;
    const shape = sizes.map(({ name }) => name).join();
    if (shape !== this.shape) this.#make(sizes);
    this.shape = shape;
    sizes.forEach((size, i) => this.#row(this.made[i], size));
  }

  #make(sizes) {
    this.made = sizes.map(() => ({ gradient: bar("gradient"), update: bar("update") }));
    this.rows.replaceChildren(
      ...sizes.flatMap(({ name }, i) => [
        element("b", { class: "size-name" }, name),
        ...["gradient", "update"].flatMap((kind) => [element("span", { class: "size-kind soft" }, kind), this.made[i][kind].track, this.made[i][kind].said]),
      ]),
    );
  }

  #row({ gradient, update }, size) {
    fill(gradient, size.gradient, gradientInWords(size.gradient));
    fill(update, size.update, updateInWords(size.update));
  }
}

function bar(kind) {
  const filled = element("i", { class: `size-bar ${kind}` });
  const zone = kind === "update" ? element("i", { class: "size-healthy", style: `left: ${at(HEALTHY[0])}%; right: ${100 - at(HEALTHY[1])}%` }) : null;
  return { filled, track: element("span", { class: "size-track" }, zone, filled), said: element("span", { class: "size-said" }) };
}

function fill({ filled, said }, value, words) {
  filled.style.width = `${at(value)}%`;
  said.textContent = `${figure(value)}${words}`;
}

function gradientInWords(size) {
  if (size === null) return ", no number: it has blown up";
  if (size === 0) return ", none";
  return size < TINY ? ", hardly felt" : "";
}

function updateInWords(share) {
  if (share === null) return ", no number";
  if (share === 0) return " of the weights: none yet";
  const told = share < HEALTHY[0] ? "small" : share > HEALTHY[1] ? "large" : "healthy";
  return ` of the weights: ${told}`;
}

function scale() {
  const ticks = TICKS.map((tick) => element("span", { style: `left: ${at(tick)}%` }, tickInWords(tick)));
  return element(
    "div",
    { class: "size-rows size-scale soft" },
    element("span", {}, "layer"),
    element("span", {}, "size"),
    element("span", { class: "size-ticks" }, ...ticks),
    element("span", {}, "shaded: healthy updates"),
  );
}

function tickInWords(tick) {
  return tick >= 0.1 ? String(tick) : powerOfTen(Math.round(Math.log10(tick)));
}

// A place on the scale, in percent.
function at(value) {
  if (!(value > LOW)) return 0;
  return (100 * Math.log(Math.min(value, HIGH) / LOW)) / Math.log(HIGH / LOW);
}
