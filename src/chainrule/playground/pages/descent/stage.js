// The drawing: the ground, the optimisers' ways on it, and the start, which a click or arrow keys set.

import { crisp } from "../shared/crisp.js";
import { colorOf, onScheme } from "../shared/palette.js";
import { Curve } from "./curve.js";
import { colorFor, drawMark } from "./marks.js";
import { place as toldPlace, told } from "./numbers.js";
import { heightAt, pointAt, pointOf } from "./paths.js";
import { Surface } from "./surface.js";

const RADIUS = 7;
const KEY = 1 / 40; // of the picture's side for an arrow key
const NARROW = 640;

export class Stage {
  /** In `box`; `spot` knows what is pointed at, `begin(given, plays)` sets the start. */
  constructor(box, experiment, clock, spot, labels, begin) {
    Object.assign(this, { experiment, clock, spot, labels, begin });
    this.ground = null;
    this.backdrop = document.createElement("canvas");
    const height = innerWidth < NARROW ? 330 : 470;
    const { canvas, redraw, describe } = crisp(box, height, "The ground and the descents on it", (pen, width, height) =>
      this.#draw(pen, width, height),
    );
    Object.assign(this, { canvas, redraw, describe });
    canvas.tabIndex = 0;
    canvas.setAttribute("aria-describedby", "stage-help");
    canvas.addEventListener("pointermove", (event) => this.#point(event));
    canvas.addEventListener("pointerleave", () => spot.at(null));
    canvas.addEventListener("click", (event) => this.#click(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    experiment.onFrame((frame) => this.#show(frame));
    clock.onTick(() => this.redraw());
    spot.onAnswer(() => this.redraw());
    onScheme(() => (this.drawnFor = null));
  }

  #show(frame) {
    this.frame = frame;
    if (this.formula !== frame.formula) {
      this.formula = frame.formula;
      this.ground = frame.dims > 1 ? new Surface(frame) : new Curve(frame);
      this.drawnFor = null;
    }
    this.redraw();
    this.describe(this.#said());
  }

  #said() {
    const { formula, paths, used, dims } = this.frame;
    const start = toldPlace([used.start_x, used.start_y].slice(0, dims));
    const ends = Object.entries(paths).map(([name, { value, note }]) => {
      return `${this.labels[name]} ends at a height of ${told(value[value.length - 1])}, ${note}`;
    });
    return `${formula}, descended from ${start}. ${ends.join("; ")}.`;
  }

  // --- pointing -------------------------------------------------------------------------------

  #point({ offsetX, offsetY }) {
    if (!this.ground?.area?.contains(offsetX, offsetY)) return this.spot.at(null);
    this.spot.at(this.ground.point(offsetX, offsetY));
  }

  #click({ offsetX, offsetY }) {
    if (this.ground?.area?.contains(offsetX, offsetY)) this.#start(this.ground.point(offsetX, offsetY), true);
  }

  #key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way || !this.frame || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { low, high, used } = this.frame;
    const start = low.map((least, i) => {
      const moved = [used.start_x, used.start_y][i] + way[i] * KEY * (high[i] - least);
      return Math.max(least, Math.min(high[i], moved));
    });
    this.#start(start, false);
    this.spot.at(start);
  }

  #start(point, plays) {
    const [start_x, start_y] = point.map((one) => Number(one.toFixed(3)));
    this.begin(start_y === undefined ? { start_x } : { start_x, start_y }, plays);
  }

  // --- drawing --------------------------------------------------------------------------------

  #draw(pen, width, height) {
    if (!this.ground) return;
    this.#drawBackdrop(pen, width, height);
    pen.save();
    this.ground.area.clip(pen);
    this.#drawMinima(pen);
    const paths = Object.entries(this.frame.paths);
    for (const [name, path] of paths) this.#drawWay(pen, name, path);
    pen.restore();
    this.#drawSpot(pen);
    this.#drawStart(pen);
    for (const [name, path] of paths) this.#drawBall(pen, name, path);
  }

  // The ground is drawn once for each size and scheme; only what moves is drawn again.
  #drawBackdrop(pen, width, height) {
    const { canvas } = pen;
    const size = `${canvas.width} ${canvas.height}`;
    if (this.drawnFor !== size) {
      this.drawnFor = size;
      this.ground.layOut(width, height);
      this.backdrop.width = canvas.width;
      this.backdrop.height = canvas.height;
      const behind = this.backdrop.getContext("2d");
      behind.setTransform(pen.getTransform());
      this.ground.drawGround(behind);
    }
    pen.drawImage(this.backdrop, 0, 0, width, height);
  }

  #drawMinima(pen) {
    const { minima, dims, depths } = this.frame;
    pen.strokeStyle = colorOf("--ink");
    pen.lineWidth = 1.5;
    for (let i = 0; i < depths.length; i++) {
      const [x, y] = this.ground.place(Array.from(minima.subarray(i * dims, (i + 1) * dims)), depths[i]);
      pen.beginPath();
      for (const [a, b] of [[1, 1], [1, -1]]) {
        pen.moveTo(x - 5 * a, y - 5 * b);
        pen.lineTo(x + 5 * a, y + 5 * b);
      }
      pen.stroke();
    }
  }

  #drawWay(pen, name, path) {
    const { dims } = this.frame;
    const places = Array.from({ length: path.value.length }, (_, step) => {
      return this.ground.place(pointOf(path, dims, step), path.value[step]);
    });
    const gone = Math.floor(this.clock.shown);
    pen.strokeStyle = pen.fillStyle = colorFor(name);
    pen.globalAlpha = 0.28;
    pen.lineWidth = 1.25;
    this.#line(pen, places);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    const here = this.#ball(path);
    this.#line(pen, [...places.slice(0, gone + 1), here]);
    for (const [x, y] of places.slice(0, gone + 1)) {
      pen.beginPath();
      pen.arc(x, y, 2.2, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  #line(pen, places) {
    pen.beginPath();
    for (const [x, y] of places) pen.lineTo(x, y);
    pen.stroke();
  }

  /** Where a ball is now: between two steps in the air, as a step leaps over what is between. */
  #ball(path) {
    const time = this.clock.shown;
    return this.ground.place(pointAt(path, this.frame.dims, time), heightAt(path, time));
  }

  #drawBall(pen, name, path) {
    const [x, y] = this.#ball(path);
    if (this.ground.area.contains(x, y)) drawMark(pen, name, x, y, RADIUS);
  }

  #drawStart(pen) {
    const { dims, used } = this.frame;
    const [x, y] = this.ground.place([used.start_x, used.start_y].slice(0, dims));
    pen.strokeStyle = colorOf("--ink");
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(x, y, RADIUS + 4, 0, 2 * Math.PI);
    pen.stroke();
  }

  #drawSpot(pen) {
    const { point, answer } = this.spot;
    if (!answer || point.length !== this.frame.dims) return;
    const arrow = this.ground.drawSlope(pen, point, answer);
    const [x, y] = this.ground.place(point, answer.value);
    pen.fillStyle = colorOf("--ink");
    pen.beginPath();
    pen.arc(x, y, 3.5, 0, 2 * Math.PI);
    pen.fill();
    if (arrow) drawArrow(pen, arrow);
  }
}

function drawArrow(pen, { from, to }) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  pen.strokeStyle = pen.fillStyle = colorOf("--ink");
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(...to);
  for (const off of [-2.6, 2.6]) pen.lineTo(to[0] + 10 * Math.cos(angle + off), to[1] + 10 * Math.sin(angle + off));
  pen.fill();
}
