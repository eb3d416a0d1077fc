// What is said below the network about the neuron or the weight that is looked at: an enlarged
// picture, figures in words, and a legend as long as nothing is looked at.

import { element } from "../shared/controls.js";
import { colorOf } from "../shared/palette.js";
import { figure, nameOf } from "./figures.js";
import { cross } from "./marks.js";
import { Surface } from "./surface.js";
import { MOST } from "./wires.js";

const MOST_WEIGHTS = 12; // listed of those that come into a neuron

/** The readout; `show(frame, subject, strips, point)` with a subject as `Network` has it. */
export class Readout {
  constructor(box) {
    this.picture = element("canvas", { class: "enlarged", "aria-hidden": "true" });
    this.title = element("b", { class: "readout-title" });
    this.figures = element("dl", { class: "readout-figures" });
    this.list = element("p", { class: "readout-list soft" });
    this.text = element("div", { class: "readout-text" }, this.title, this.figures, this.list);
    this.few = element("p", { class: "soft" }, `Between two wide layers only the ${MOST} largest weights are drawn.`);
    this.key = legend(this.few);
    this.voice = element("p", { class: "visually-hidden", "aria-live": "polite" });
    box.append(element("div", { class: "network-readout" }, this.picture, this.text, this.key), this.voice);
    this.surface = new Surface(this.picture, (...given) => this.#draw(...given));
    this.omits(false);
    this.show(null, null);
  }

  /** Say whether weights are left out of the drawing. */
  omits(some) {
    this.few.hidden = !some;
  }

  show(frame, subject, strips = [], point = null) {
    Object.assign(this, { frame, subject, strips, point });
    this.key.hidden = Boolean(subject);
    this.text.hidden = this.picture.hidden = !subject;
    if (!subject) return;
    if (subject.kind === "neuron") this.#neuron(subject);
    else this.#weight(subject);
    this.surface.later();
  }

  /** Have a screen reader say what is shown. */
  speak() {
    const rows = [...this.figures.children].map((one) => one.textContent);
    this.voice.textContent = `${this.title.textContent}: ${rows.join(" ")}`;
  }

  #neuron({ layer, unit }) {
    const { frame, point } = this;
    const value = point?.look?.layers[layer]?.values[unit];
    const before = frame.weights[layer - 1];
    const { low, high } = frame.layers[layer];
    this.title.textContent = nameOf(frame, layer, unit);
    this.#tell([
      [point ? `value at (${figure(point.x)}, ${figure(point.y)})` : "value at the point", value === undefined ? "…" : figure(value), "value"],
      before && ["bias", figure(before.bias[unit]), "bias"],
      before && ["gradient of the bias", figure(before.bias_gradient?.[unit]), "bias-gradient"],
      low && ["picture from", `${figure(low[unit])} to ${figure(high[unit])}`, "range"],
    ]);
    this.list.textContent = before ? this.#incoming(layer, unit) : "A feature of the points, as the network gets it.";
  }

  #incoming(layer, unit) {
    const { weight } = this.frame.weights[layer - 1];
    const ins = weight.shape[1];
    const all = Array.from({ length: ins }, (_, into) => [into, weight[unit * ins + into]]);
    all.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    const told = all.slice(0, MOST_WEIGHTS).map(([into, one]) => `${short(this.frame, layer - 1, into)}\u00a0${figure(one)}`);
    return `weights in: ${told.join(" · ")}${all.length > MOST_WEIGHTS ? ` and ${all.length - MOST_WEIGHTS} smaller ones` : ""}`;
  }

  #weight({ gap, out, into }) {
    const { frame, point } = this;
    const { weight, weight_gradient: gradient } = frame.weights[gap];
    const at = out * weight.shape[1] + into;
    const value = point?.look?.layers[gap]?.values[into];
    this.title.textContent = `weight from ${nameOf(frame, gap, into)} to ${nameOf(frame, gap + 1, out)}`;
    this.#tell([
      ["weight", figure(weight[at]), "weight"],
      ["gradient of the loss", figure(gradient?.[at]), "gradient"],
      value !== undefined && ["carries at the point", `${figure(weight[at])} × ${figure(value)} = ${figure(weight[at] * value)}`, "carried"],
    ]);
    this.list.textContent = direction(gradient?.[at]);
  }

  #tell(rows) {
    const cells = rows.filter(Boolean).flatMap(([name, text, key]) => [
      element("dt", {}, name),
      element("dd", { "data-figure": key }, text),
    ]);
    this.figures.replaceChildren(...cells);
  }

  #draw(context, width, height) {
    const { subject, strips, point, frame } = this;
    if (!subject) return;
    if (subject.kind === "neuron") {
      strips[subject.layer]?.draw(context, subject.unit, 0, 0, width);
      if (point) cross(context, ((point.x + frame.span) / (2 * frame.span)) * width, ((frame.span - point.y) / (2 * frame.span)) * height);
      return;
    }
    const half = width / 2 - 5; // both ends of a weight, one above the other
    strips[subject.gap]?.draw(context, subject.into, 0, 0, half);
    strips[subject.gap + 1]?.draw(context, subject.out, width - half, height - half, half);
    arrow(context, half / 2, half + 4, width - half - 5, height - half / 2);
  }
}

function arrow(context, x, y, toX, toY) {
  context.strokeStyle = colorOf("--ink");
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, y);
  context.quadraticCurveTo(x, toY, toX, toY);
  context.moveTo(toX - 5, toY - 4);
  context.lineTo(toX, toY);
  context.lineTo(toX - 5, toY + 4);
  context.stroke();
}

function short(frame, layer, unit) {
  return layer === 0 ? (frame.layers[0].labels[unit] ?? `x${unit + 1}`) : `#${unit + 1}`;
}

// Descent goes against the gradient.
function direction(gradient) {
  if (!gradient) return "The loss does not feel this weight now.";
  return gradient > 0 ? "A smaller weight would lower the loss." : "A larger weight would lower the loss.";
}

function legend(few) {
  const line = (kind, text) => element("li", {}, element("i", { class: `wire ${kind}` }), text);
  return element(
    "div",
    { class: "readout-key" },
    element(
      "ul",
      {},
      line("plus", "weight above 0"),
      line("minus", "weight below 0"),
      element("li", {}, element("i", { class: "scale" }), "a neuron’s value over the plane: below 0, 0, above 0"),
      element("li", {}, element("i", { class: "bias-key" }), "bias: to the left below 0, to the right above"),
    ),
    element("p", { class: "soft" }, "Point at a neuron or a weight for its numbers, or step through neurons with Tab and the arrow keys."),
    few,
  );
}
