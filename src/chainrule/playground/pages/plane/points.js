// Points of one's own, drawn into the large picture with mouse, finger or keyboard.
//
// A stroke is one change of the settings, so that undo takes back a stroke. Until the new points
// have come back as data, they are shown from here.

import { element } from "../shared/controls.js";
import { figure } from "./figures.js";
import { mark } from "./legend.js";

const CLASSES = 8;
const WIDE = 0.12; // radius of spray and eraser, as a share of the span
const APART = 0.06; // way of a drag between two points, likewise
const TURN = 2.399963; // the golden angle, by which points of a spray are spread evenly
const PARTS = 1000; // coordinates have three decimals, as in the address
const TOOLS = { point: "points", spray: "spray", eraser: "eraser" };
const SAID = {
  point: "Click or drag in the picture to add points.",
  spray: "Drag in the picture to spray points.",
  eraser: "Drag over points to take them away.",
};

/** The controls in `box`, and the pen that they set. */
export class Pen {
  constructor(box, experiment, { data }) {
    Object.assign(this, { experiment, data });
    this.on = this.drawing = this.changed = false;
    this.tool = "point";
    this.label = 0;
    this.number = 1;
    this.points = null; // all of them, from the first of a stroke until they have come back
    this.strewn = 0;
    this.listeners = [];
    this.#build(box);
    data.onData(() => this.#settled());
    experiment.onSettings(() => this.#showKind());
  }

  /** Call `show()` when the pen is taken or put down, and as its points change. */
  onPen(show) {
    this.listeners.push(show);
  }

  /** How far from the mouse points are made or taken away, in the plane. */
  get radius() {
    return this.tool === "point" ? 0 : WIDE * this.#span;
  }

  // --- a stroke -------------------------------------------------------------------------------

  begin(place) {
    this.points = [...(this.points ?? this.#before())];
    this.drawing = true;
    this.changed = false;
    this.last = null;
    this.go(place);
  }

  go(place) {
    if (!this.drawing) return;
    if (this.tool === "eraser") this.#erase(place);
    else if (!this.last || distance(place, this.last) >= APART * this.#span) this.#add(place);
  }

  async end() {
    if (!this.drawing) return;
    this.drawing = false;
    if (!this.changed || !(await this.#keep(this.points))) this.#settled();
  }

  cancel() {
    this.drawing = false;
    this.#settled();
  }

  #add(place) {
    this.last = place;
    const { most = Infinity } = this.#setting;
    if (this.points.length >= most) return this.experiment.say(`there are ${most} points, which is as many as there can be`);
    const at = this.tool === "spray" ? this.#strew(place) : place;
    this.points.push([this.#rounded(at.x), this.#rounded(at.y), this.isNumber ? this.number : this.label]);
    this.#change();
  }

  #erase({ x, y }) {
    const left = this.points.filter(([a, b]) => Math.hypot(a - x, b - y) > this.radius);
    if (left.length === this.points.length) return;
    this.points = left;
    this.#change();
  }

  /** Somewhere near a place, each time elsewhere. */
  #strew({ x, y }) {
    this.strewn++;
    const away = this.radius * Math.sqrt((this.strewn * 0.618034) % 1);
    return { x: x + away * Math.cos(this.strewn * TURN), y: y + away * Math.sin(this.strewn * TURN) };
  }

  #change() {
    this.changed = true;
    this.#tell();
  }

  #keep(drawn) {
    return this.experiment.change({ drawn, data: "drawn", drawn_as: this.isNumber ? "number" : "classes" });
  }

  /** The points have come back, or were refused. */
  #settled() {
    if (this.drawing) return;
    this.points = null;
    this.#showKind();
    this.#tell();
  }

  // --- what there is already ------------------------------------------------------------------

  get #setting() {
    return this.experiment.table.drawn ?? {};
  }

  get #span() {
    return this.experiment.frame?.span ?? 2;
  }

  get #isDrawn() {
    return this.experiment.settings.data === "drawn";
  }

  /** Whether points have numbers, not classes. */
  get isNumber() {
    return this.#isDrawn ? this.experiment.settings.drawn_as === "number" : this.experiment.frame?.kind === "number";
  }

  /** What a stroke adds to: one's own points; or, with the eraser, those of the data shown. */
  #before() {
    const { drawn = [], drawn_as } = this.experiment.settings;
    if (!this.#isDrawn && this.tool === "eraser") return this.#shown();
    return this.isNumber === (drawn_as === "number") ? drawn : [];
  }

  /** The points of the data shown, as drawn points. */
  #shown() {
    const { train, test } = this.data.now ?? {};
    const { most = Infinity } = this.#setting;
    const of = ({ x, y }) => Array.from(y, (label, i) => [this.#rounded(x[2 * i]), this.#rounded(x[2 * i + 1]), rounded(label)]);
    return train ? [...of(train), ...of(test)].slice(0, most) : [];
  }

  /** A coordinate as the settings take it. */
  #rounded(value) {
    const { span = 2 } = this.#setting;
    return rounded(Math.min(Math.max(value, -span), span));
  }

  // --- the controls ---------------------------------------------------------------------------

  #build(box) {
    this.button = element("button", { type: "button", "aria-expanded": "false", onclick: () => this.#take(!this.on) }, "Draw points");
    this.told = element("p", { class: "soft" });
    this.kinds = element("div", { class: "pen-kinds" });
    const tools = Object.entries(TOOLS).map(([tool, text]) => radio("pen-tool", text, tool === this.tool, () => this.#choose(tool)));
    this.copy = element("button", { type: "button", onclick: () => this.#keep(this.#shown()) }, "Copy these points");
    this.empty = element("button", { type: "button", onclick: () => this.#keep([]) }, "Remove all");
    this.panel = element(
      "div",
      { class: "pen-panel", hidden: true },
      element("div", { class: "segmented", role: "radiogroup", "aria-label": "What the mouse does" }, ...tools),
      this.kinds,
      element("div", { class: "row" }, this.copy, this.empty),
      this.told,
    );
    box.classList.add("pen");
    box.append(this.button, this.panel);
  }

  #take(on) {
    this.on = on;
    this.panel.hidden = !on;
    this.button.setAttribute("aria-expanded", String(on));
    this.button.textContent = on ? "Stop drawing" : "Draw points";
    this.#showKind();
    this.#tell();
  }

  #choose(tool) {
    this.tool = tool;
    this.#showKind();
    this.#tell();
  }

  /** Classes or a number to choose, what the buttons can do now, and what a stroke will do. */
  #showKind() {
    const kind = this.isNumber ? "number" : "classes";
    if (kind !== this.kind) {
      this.kind = kind;
      this.kinds.replaceChildren(this.isNumber ? this.#slider() : this.#classes());
    }
    this.copy.disabled = this.#isDrawn || !this.data.now;
    this.empty.disabled = !this.experiment.settings.drawn?.length;
    const replaces = this.#isDrawn ? "" : this.tool === "eraser" ? " The points shown become yours." : " Your points take the place of those shown; copy them to add to them.";
    this.told.textContent = `${SAID[this.tool]} With the keyboard: arrow keys in the picture, then Enter.${replaces}`;
  }

  #classes() {
    const buttons = Array.from({ length: CLASSES }, (_, k) => {
      const made = radio("pen-class", String(k + 1), k === this.label, () => (this.label = k));
      made.lastChild.before(mark(k));
      return made;
    });
    return element("div", { class: "segmented", role: "radiogroup", "aria-label": "Class of the points" }, ...buttons);
  }

  #slider() {
    const said = element("output", {}, figure(this.number));
    const slide = element("input", {
      type: "range",
      min: -1,
      max: 1,
      step: 0.1,
      oninput: () => {
        this.number = Number(slide.value);
        said.textContent = figure(this.number);
      },
    });
    slide.value = this.number;
    return element("label", { class: "pen-number" }, "number of the points", said, slide);
  }

  #tell() {
    for (const show of this.listeners) show();
  }
}

function radio(name, text, checked, choose) {
  const input = element("input", { type: "radio", name, onchange: choose });
  input.checked = checked;
  return element("label", {}, input, element("span", {}, text));
}

function rounded(value) {
  return Math.round(value * PARTS) / PARTS;
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
