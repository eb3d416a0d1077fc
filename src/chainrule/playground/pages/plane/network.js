// The network from left to right, each neuron with its own picture of the plane, weights between.
//
// A box that scrolls, and in it, always in sight, one canvas, on which only what is in sight is
// drawn. Over it lie the buttons of the layers and an element for each neuron.

import { element } from "../shared/controls.js";
import { lettering } from "../shared/crisp.js";
import { colorOf, onScheme, table } from "../shared/palette.js";
import { seldom } from "../shared/timing.js";
import { chanceTable } from "./colors.js";
import { Cursor } from "./cursor.js";
import { figure, nameOf } from "./figures.js";
import { Growth } from "./growth.js";
import { Readout } from "./hover.js";
import { layout, neuronAt } from "./layout.js";
import { Strip } from "./maps.js";
import { Surface } from "./surface.js";
import { Wires } from "./wires.js";

const BESIDE = 8; // pixels between a neuron and its name
const BIAS = 16; // pixels of the largest bias, either way

/**
 * The drawing of the network in `box`. What is looked at is `null`, `{kind: "neuron", layer, unit}`
 * or `{kind: "weight", gap, out, into}`; `gap` counts the spaces between layers from the left.
 */
export class Network {
  constructor(box, experiment, { point }) {
    Object.assign(this, { experiment, point });
    this.frame = this.places = this.subject = this.look = null;
    this.strips = [];
    this.wires = new Wires();
    this.#build(box);
    this.describe = seldom((text) => this.canvas.setAttribute("aria-label", text));
    point.onPoint((told) => this.#pointed(told));
    experiment.onFrame((frame) => this.show(frame));
    onScheme(() => this.frame && this.show(this.frame));
  }

  show(frame) {
    if (!frame.layers?.length) return;
    frame = this.#labelled(frame);
    this.frame = frame;
    const counts = frame.layers.map((layer) => layer.maps.shape[0]);
    const shape = JSON.stringify([counts, frame.layers.map((layer) => [layer.units, layer.labels])]);
    if (shape !== this.shape) this.#grow(counts, shape);
    this.#paint();
    this.wires.place(frame.weights, this.places);
    this.bias = Math.max(1, ...frame.weights.map(({ bias }) => bias.reduce((most, one) => Math.max(most, Math.abs(one)), 0)));
    this.readout.omits(this.wires.omits);
    this.surface.later();
    this.#tell();
    this.describe(inWords(frame));
  }

  /** Where the neurons stand, as `layout` has it, or `null` before the first frame. */
  positions() {
    return this.places;
  }

  // --- what it is made of ---------------------------------------------------------------------

  #build(box) {
    this.canvas = element("canvas", { class: "network-canvas", role: "img", "aria-label": "the network" });
    this.head = element("div", { class: "network-head" });
    const cells = element("div", { class: "network-cells small-by-nature", role: "group", "aria-label": "Neurons; arrow keys move, Enter steps through weights" });
    this.field = element("div", { class: "network-field" }, this.canvas, this.head, cells);
    this.scroller = element("div", { class: "network-scroller" }, this.field);
    box.classList.add("network");
    box.append(this.scroller);
    this.readout = new Readout(box);
    this.growth = new Growth(this.experiment, this.head);
    this.cursor = new Cursor(cells, {
      look: (neuron) => this.#lookAt(neuron && { kind: "neuron", ...neuron }),
      step: () => this.#nextWeight(),
      describe: (layer, unit) => this.#neuronInWords(layer, unit),
    });
    this.surface = new Surface(this.canvas, (...given) => this.#draw(...given));
    this.scroller.addEventListener("scroll", () => this.surface.now());
    this.scroller.addEventListener("pointermove", (event) => this.#hover(event));
    this.scroller.addEventListener("pointerdown", (event) => this.#hover(event));
    this.scroller.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#lookAt(null));
    new ResizeObserver(() => this.frame && this.#place()).observe(this.scroller);
  }

  /** The frame with the features as the settings call them. */
  #labelled(frame) {
    const { options = {} } = this.experiment.table.features ?? {};
    const [features, ...others] = frame.layers;
    return { ...frame, layers: [{ ...features, labels: features.labels.map((label) => options[label] ?? label) }, ...others] };
  }

  /** Another number of layers or neurons. */
  #grow(counts, shape) {
    Object.assign(this, { shape, counts });
    this.strips = counts.map(() => new Strip());
    this.subject = null;
    this.point.neuron(null);
    this.#place();
  }

  #place() {
    const { clientWidth, clientHeight } = this.scroller;
    this.places = layout(this.counts, clientWidth, clientHeight, this.#margins());
    this.canvas.style.width = `${clientWidth}px`;
    this.canvas.style.height = `${clientHeight}px`;
    this.head.style.height = `${this.places.head - 2}px`;
    this.field.style.width = `${this.places.width}px`;
    this.field.style.height = `${this.places.height}px`;
    this.wires.place(this.frame.weights, this.places);
    this.growth.show(this.frame, this.places);
    this.cursor.place(this.places);
    this.surface.later();
  }

  /** Room for the names of features and of classes. */
  #margins() {
    const { layers } = this.frame;
    lettering(this.surface.context, { size: 13 });
    const widest = (labels) => Math.max(0, ...labels.map((label) => this.surface.context.measureText(label).width));
    const room = (labels, most) => Math.min(Math.max(widest(labels) + 2 * BESIDE, 30), most);
    return { left: room(layers[0].labels, 80), right: room(layers[layers.length - 1].labels, 110) };
  }

  #paint() {
    const last = this.frame.layers.length - 1;
    const chances = this.frame.kind === "classes";
    this.frame.layers.forEach(({ maps }, i) => {
      const tables = i === last && chances ? Array.from({ length: maps.shape[0] }, (_, k) => chanceTable(k)) : [table("diverging")];
      this.strips[i].paint(maps, tables);
    });
  }

  // --- what is looked at ----------------------------------------------------------------------

  #hover(event) {
    if (!this.places) return;
    const box = this.field.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (event.target.closest("button")) return this.#lookAt(null);
    const neuron = neuronAt(this.places, x, y);
    const weight = neuron ? null : this.wires.at(x, y);
    this.#lookAt(neuron ? { kind: "neuron", ...neuron } : weight && { kind: "weight", ...weight });
  }

  #lookAt(subject) {
    if (JSON.stringify(subject) === JSON.stringify(this.subject)) return;
    this.subject = subject;
    this.point.neuron(neuronOf(subject));
    this.surface.later();
    this.#tell();
  }

  /** The next of the weights that come into the neuron in focus. */
  #nextWeight() {
    const { layer, unit } = this.cursor.now;
    if (layer === 0) return;
    const ins = this.counts[layer - 1];
    const now = this.subject?.kind === "weight" && this.subject.out === unit ? this.subject.into : -1;
    this.#lookAt({ kind: "weight", gap: layer - 1, out: unit, into: (now + 1) % ins });
    this.readout.speak();
  }

  #pointed(told) {
    this.look = told;
    if (this.subject) this.#tell();
  }

  #tell() {
    this.readout.show(this.frame, this.subject, this.strips, this.look);
    this.cursor.refresh();
  }

  #neuronInWords(layer, unit) {
    const value = this.look?.look?.layers[layer]?.values[unit];
    const bias = this.frame.weights[layer - 1]?.bias[unit];
    const said = [value !== undefined && `value ${figure(value)}`, bias !== undefined && `bias ${figure(bias)}`];
    const figures = said.filter(Boolean).join(", ");
    return nameOf(this.frame, layer, unit) + (figures ? `: ${figures}` : "");
  }

  // --- drawing --------------------------------------------------------------------------------

  #draw(pen, width, height) {
    if (!this.frame) return;
    const { scrollLeft: left, scrollTop: top } = this.scroller;
    const view = { left, top, right: left + width, bottom: top + height };
    pen.translate(-left, -top);
    const colors = { plus: colorOf("--plus"), minus: colorOf("--minus") };
    this.wires.draw(pen, colors, view, this.#lit());
    if (this.subject?.kind === "weight") this.wires.drawOne(pen, this.subject, colorOf("--ink"));
    this.frame.layers.forEach((_, layer) => this.#drawLayer(pen, layer, view, colors));
  }

  // Which weights stand out: all (`null`), those of a neuron, or one.
  #lit() {
    const { subject } = this;
    if (!subject) return null;
    if (subject.kind === "weight") return (gap, out, into) => gap === subject.gap && out === subject.out && into === subject.into;
    const { layer, unit } = subject;
    return (gap, out, into) => (gap === layer - 1 && out === unit) || (gap === layer && into === unit);
  }

  #drawLayer(pen, layer, view, colors) {
    const { x, ys } = this.places.columns[layer];
    const half = this.places.size / 2;
    if (x + half + this.places.right < view.left || x - half - this.places.left > view.right) return;
    ys.forEach((y, unit) => {
      if (y + half < view.top || y - half > view.bottom) return;
      this.#drawNeuron(pen, layer, unit, x - half, y - half);
      this.#drawBias(pen, layer, unit, x, y + half + 3, colors);
    });
    this.#drawLabels(pen, layer);
  }

  #drawNeuron(pen, layer, unit, x, y) {
    const { size } = this.places;
    const chosen = this.#touches(layer, unit);
    pen.save();
    pen.beginPath();
    pen.roundRect(x, y, size, size, 5);
    pen.clip();
    this.strips[layer].draw(pen, unit, x, y, size);
    pen.restore();
    pen.beginPath();
    pen.roundRect(x, y, size, size, 5);
    pen.lineWidth = chosen ? 3 : 1;
    pen.strokeStyle = colorOf(chosen ? "--ink" : "--soft");
    pen.stroke();
  }

  #touches(layer, unit) {
    const { subject } = this;
    if (!subject) return false;
    if (subject.kind === "neuron") return subject.layer === layer && subject.unit === unit;
    return (subject.gap === layer && subject.into === unit) || (subject.gap === layer - 1 && subject.out === unit);
  }

  // To the left where it is below zero, to the right where above.
  #drawBias(pen, layer, unit, x, y, colors) {
    const bias = this.frame.weights[layer - 1]?.bias[unit];
    if (!Number.isFinite(bias)) return;
    const reach = (Math.abs(bias) / this.bias) * Math.min(BIAS, this.places.size / 2);
    pen.fillStyle = bias < 0 ? colors.minus : colors.plus;
    pen.fillRect(bias < 0 ? x - reach : x, y, reach, 3.5);
    pen.fillStyle = colorOf("--soft");
    pen.fillRect(x - 0.5, y - 1, 1, 5.5);
  }

  #drawLabels(pen, layer) {
    const { labels } = this.frame.layers[layer];
    const last = layer === this.frame.layers.length - 1;
    if (layer && !last) return this.#drawMore(pen, layer);
    const { x, ys } = this.places.columns[layer];
    const off = this.places.size / 2 + BESIDE;
    pen.fillStyle = colorOf("--ink");
    lettering(pen, { size: 13, align: layer ? "left" : "right" });
    labels.forEach((label, unit) => {
      if (ys[unit] !== undefined) pen.fillText(fitted(pen, label, this.places[layer ? "right" : "left"] - BESIDE - 2), layer ? x + off : x - off, ys[unit]);
    });
  }

  // Of a wide layer only the first neurons are shown.
  #drawMore(pen, layer) {
    const hidden = this.frame.layers[layer].units - this.counts[layer];
    if (hidden <= 0) return;
    const { x, ys } = this.places.columns[layer];
    pen.fillStyle = colorOf("--soft");
    lettering(pen, { size: 11, align: "center", baseline: "top" });
    pen.fillText(`and ${hidden.toLocaleString("en")} more`, x, ys[ys.length - 1] + this.places.size / 2 + 7);
  }
}

function neuronOf(subject) {
  if (!subject) return null;
  return subject.kind === "neuron" ? { layer: subject.layer, unit: subject.unit } : { layer: subject.gap + 1, unit: subject.out };
}

function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let short = text;
  while (short.length > 1 && pen.measureText(`${short}…`).width > room) short = short.slice(0, -1);
  return `${short}…`;
}

function inWords(frame) {
  const layers = frame.layers.map((layer) => `${layer.name} ${layer.units}`).join(", ");
  return `The network, from left to right: ${layers}; ${frame.params.toLocaleString("en")} weights and biases in all`;
}
