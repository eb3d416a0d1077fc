// The large picture: what the network says all over the plane, the points, the cross.
//
// Three canvases lie one over the other, since they change at different times: the field with each
// frame, the points with the data, the cross with the mouse.

import { element } from "../shared/controls.js";
import { colorOf, onScheme, table } from "../shared/palette.js";
import { evenTicks } from "../shared/ticks.js";
import { seldom } from "../shared/timing.js";
import { mixer } from "./colors.js";
import { addContour, leads } from "./contours.js";
import { figure } from "./figures.js";
import { Legend } from "./legend.js";
import { Raster, finer } from "./maps.js";
import { cross } from "./marks.js";
import { Plot, inUnits, nameOfAxis } from "./plot.js";
import { drawPoints } from "./scatter.js";
import { Surface } from "./surface.js";

const FINE = 192; // pixels a side where each has one colour of a few
const BANDS = 10; // of a number
const AXES = [{ name: "x1", low: -2, high: 2 }, { name: "x2", low: -2, high: 2 }];
const MOVES = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** The picture in `box`; `pen`, if any, draws points on it. */
export class Boundary {
  constructor(box, experiment, { data, point, pen = null }) {
    Object.assign(this, { experiment, data, point, pen });
    this.frame = this.told = this.pointer = null;
    this.discrete = false;
    this.tests = true;
    this.raster = new Raster();
    this.#build(box);
    this.describe = seldom((text) => this.cover.setAttribute("aria-label", text));
    data.onData(() => this.#newData());
    point.onPoint((told) => this.#pointed(told));
    pen?.onPen(() => this.#penned());
    experiment.onFrame((frame) => this.show(frame));
    onScheme(() => this.#redraw());
  }

  show(frame) {
    if (!frame.boundary) return;
    const other = this.frame && (this.frame.span !== frame.span || this.frame.kind !== frame.kind);
    this.frame = frame;
    this.#paint();
    this.field.later();
    if (other) this.#redraw();
    if (this.legend.show(frame, this.data.now) && this.told) this.#pointed(this.told);
    this.#describe();
  }

  // --- what it is made of ---------------------------------------------------------------------

  #build(box) {
    const [field, points] = [element("canvas", { "aria-hidden": "true" }), element("canvas", { "aria-hidden": "true" })];
    this.cover = element("canvas", { role: "img", tabindex: 0, "aria-label": "What the network says over the plane" });
    this.line = element("p", { class: "point-line" }, "Point into the picture, or use the arrow keys.");
    this.legend = new Legend();
    box.classList.add("boundary");
    box.append(
      element("div", { class: "plane-picture" }, field, points, this.cover),
      this.line,
      this.legend.box,
      element("div", { class: "switches" }, this.#switch("discrete colours", "discrete"), this.#switch("test points, as rings", "tests")),
    );
    this.field = new Surface(field, (...given) => this.#drawField(...given));
    this.points = new Surface(points, (...given) => this.#drawPoints(...given));
    this.top = new Surface(this.cover, (...given) => this.#drawTop(...given));
    this.cover.addEventListener("pointerdown", (event) => this.#down(event));
    this.cover.addEventListener("pointermove", (event) => this.#move(event));
    this.cover.addEventListener("pointerup", (event) => this.#up(event));
    this.cover.addEventListener("pointercancel", () => this.pen?.cancel());
    this.cover.addEventListener("pointerleave", () => this.#left());
    this.cover.addEventListener("keydown", (event) => this.#key(event));
  }

  #switch(label, name) {
    const input = element("input", { type: "checkbox", "data-switch": name, onchange: () => this.#set(name, input.checked) });
    input.checked = this[name];
    return element("label", { class: "tick" }, input, label);
  }

  #set(name, value) {
    this[name] = value;
    this.#redraw();
  }

  #redraw() {
    if (this.frame) this.#paint();
    for (const surface of [this.field, this.points, this.top]) surface.later();
    if (this.frame) this.legend.show(this.frame, this.data.now, true);
  }

  #plot(width, height) {
    return new Plot(width, height, this.frame?.span ?? 2);
  }

  get #axes() {
    return this.data.now?.axes ?? AXES;
  }

  // --- the field ------------------------------------------------------------------------------

  #paint() {
    const { boundary } = this.frame;
    if (this.frame.kind === "number") this.#paintNumber(boundary.number);
    else this.#paintClasses(boundary.classes);
  }

  #paintClasses(chances) {
    const [classes, side] = chances.shape;
    const pixel = mixer(classes, this.discrete);
    if (!this.discrete) return this.raster.paint(side, (i) => pixel(chances, i, side * side));
    const fine = new Float32Array(classes * FINE * FINE);
    for (let k = 0; k < classes; k++) fine.set(finer(chances, side, FINE, k * side * side), k * FINE * FINE);
    this.raster.paint(FINE, (i) => pixel(fine, i, FINE * FINE));
  }

  #paintNumber(values) {
    const [side] = values.shape;
    const limit = this.#limit();
    const colors = table("diverging");
    const step = (255 / BANDS) * (this.discrete ? 1 : 1 / 64);
    const to = this.discrete ? FINE : side;
    const shown = this.discrete ? finer(values, side, FINE) : values;
    this.raster.paint(to, (i) => {
      const byte = 127.5 * (1 + Math.min(Math.max(shown[i] / limit, -1), 1));
      return colors[Math.min(Math.round((Math.floor(byte / step) + 0.5) * step), 255) || 0];
    });
  }

  // The size of a number that has the full colour.
  #limit() {
    return this.frame.boundary.high || 1;
  }

  #drawField(pen, width, height) {
    if (!this.frame) return;
    const plot = this.#plot(width, height);
    pen.imageSmoothingQuality = "high";
    this.raster.draw(pen, plot.left, plot.top, plot.size);
    plot.inside(pen, () => this.#drawBorders(pen, plot));
    plot.drawAxes(pen, this.#axes);
  }

  #drawBorders(pen, plot) {
    const path = new Path2D();
    if (this.frame.kind === "number") {
      const { number } = this.frame.boundary;
      const limit = this.#limit();
      for (const level of evenTicks(-limit, limit, 8)) addContour(path, (i) => number[i], number.shape[0], level, plot);
      pen.lineWidth = 1;
      pen.globalAlpha = 0.35;
    } else {
      const { classes } = this.frame.boundary;
      const [count, side] = classes.shape;
      for (const lead of leads(classes, count, side)) addContour(path, (i) => lead[i], side, 0, plot);
      pen.lineWidth = 1.8;
      pen.globalAlpha = 0.75;
    }
    pen.strokeStyle = colorOf("--ink");
    pen.stroke(path);
    pen.globalAlpha = 1;
  }

  // --- the points and the cross ---------------------------------------------------------------

  #drawPoints(pen, width, height) {
    if (!this.frame) return;
    const plot = this.#plot(width, height);
    const limit = (number) => (number ? this.#limit() : 0);
    plot.inside(pen, () => {
      const strokes = this.pen?.points;
      if (strokes) return drawPoints(pen, plot, asData(strokes), { limit: limit(this.pen.isNumber) });
      if (!this.data.now) return;
      const { train, test, classes } = this.data.now;
      if (this.tests) drawPoints(pen, plot, test, { limit: limit(!classes.length), rings: true });
      drawPoints(pen, plot, train, { limit: limit(!classes.length) });
    });
  }

  #drawTop(pen, width, height) {
    const plot = this.#plot(width, height);
    if (this.told) cross(pen, plot.x(this.told.x), plot.y(this.told.y));
    if (!this.pen?.on || !this.pointer) return;
    pen.strokeStyle = colorOf("--ink");
    pen.lineWidth = 1.2;
    pen.beginPath();
    pen.arc(plot.x(this.pointer.x), plot.y(this.pointer.y), Math.max(plot.length(this.pen.radius), 3), 0, 2 * Math.PI);
    pen.stroke();
  }

  #newData() {
    this.points.later();
    this.#redraw();
  }

  #penned() {
    this.cover.classList.toggle("penned", this.pen.on);
    this.points.later();
    this.top.later();
  }

  #pointed(told) {
    this.told = told;
    this.top.later();
    this.line.textContent = this.line.title = this.#inWords(told);
    this.legend.tell(told.look?.output.probabilities ?? []);
  }

  #inWords({ x, y, look }) {
    const span = this.frame?.span ?? 2;
    const [across, up] = this.#axes;
    const place = `${nameOfAxis(across)} ${figure(inUnits(x, across, span))}, ${nameOfAxis(up)} ${figure(inUnits(y, up, span))}`;
    const said = look && [this.#number(look.output), this.#near(look.nearest)].filter(Boolean).join("; ");
    return said ? `${place}: ${said}` : place;
  }

  #number({ number }) {
    const target = this.data.now?.target;
    return number === undefined ? "" : `${target?.name ?? "number"} ${figure(target ? inUnits(number, target, 1) : number)}`;
  }

  // The point of the data that the mouse is on.
  #near(point) {
    if (!point) return "";
    const label = this.frame?.classes[point.label];
    return `${point.test ? "test" : "training"} point${label === undefined ? "" : ` of ${label}`}`;
  }

  #describe() {
    const { score, kind } = this.frame;
    const what = kind === "number" ? "The number" : "The classes";
    this.describe(`${what} that the network says over the plane, and the points; ${score?.name} on the test points ${figure(score?.test)}. Arrow keys move the cross.`);
  }

  // --- mouse, finger, keyboard ----------------------------------------------------------------

  #place(event) {
    return this.#plot(this.top.width, this.top.height).placeAt(event.offsetX, event.offsetY);
  }

  #down(event) {
    if (event.button) return;
    const place = this.#place(event);
    if (!this.pen?.on) return this.point.put(place);
    this.cover.setPointerCapture(event.pointerId);
    this.pen.begin(place);
  }

  #move(event) {
    this.pointer = this.#place(event);
    if (this.pen?.on) {
      for (const one of event.getCoalescedEvents?.() ?? []) this.pen.go(this.#place(one));
      this.pen.go(this.pointer);
      this.top.later();
    } else this.point.put(this.pointer);
  }

  #up() {
    this.pen?.end();
  }

  #left() {
    this.pointer = null;
    this.top.later();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) this.#step(MOVES[event.key], event.shiftKey ? 0.01 : 0.05);
    else if (event.key === "Enter" && this.pen?.on) this.#dot();
    else return;
    event.preventDefault();
  }

  #step([across, up], share) {
    const { span = 2 } = this.frame ?? {};
    const { x, y } = this.point.place ?? { x: 0, y: 0 };
    const within = (value) => Math.min(Math.max(value, -span), span);
    this.point.put({ x: within(x + across * share * span), y: within(y + up * share * span) });
    this.pointer = this.point.place;
  }

  #dot() {
    this.pen.begin(this.point.place ?? { x: 0, y: 0 });
    this.pen.end();
  }
}

function asData(points) {
  return { x: Float32Array.from(points.flatMap(([x, y]) => [x, y])), y: Float32Array.from(points, (point) => point[2]) };
}
