// A convolution sliding over the drawing: the window on the input, the kernel beside it, the products
// and their sum in numbers, and the map that comes of it, pixel by pixel.

import { element } from "../shared/controls.js";
import { icon } from "../shared/icons.js";
import { bytesOf, onScheme } from "../shared/palette.js";
import { padded, windowAt } from "./convolution.js";
import { largest, signed, written } from "./numbers.js";
import { optionsOf } from "./options.js";
import { drawSheet } from "./sheet.js";

const SPEEDS = { 4: "4 pixels/s", 30: "30 pixels/s", 200: "200 pixels/s" };
const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The sliding window in `box`; `ask(channel)` gives the arrays of one map, or `null`. */
export class Slide {
  #ask;
  #data = null;
  #turn = 0; // of the latest question; answers to others come too late
  #at = 0;
  #playing = false;
  #before = 0; // the moment of the last picture while playing
  #owed = 0; // pixels, with a fraction
  #parts;

  constructor(box, ask) {
    this.#ask = ask;
    this.#parts = parts({
      play: () => this.#play(!this.#playing),
      step: (by) => this.#step(by),
      map: () => this.refresh(),
      walk: (event) => this.#walk(event),
    });
    box.append(...this.#parts.all);
    onScheme(() => this.#draw());
  }

  /** Offer so many maps. */
  offer(maps) {
    const { map } = this.#parts;
    if (map.options.length === maps) return;
    const chosen = Math.min(Number(map.value) || 0, maps - 1);
    map.replaceChildren(...optionsOf("Map", maps, chosen));
  }

  /** Show a map. */
  choose(one) {
    this.#parts.map.value = one;
    this.refresh();
  }

  /** Ask anew about the drawing and the map that is chosen. */
  async refresh() {
    const turn = ++this.#turn;
    const data = await this.#ask(Number(this.#parts.map.value) || 0);
    if (!data || turn !== this.#turn) return;
    const kept = this.#data && this.#data.output.length === data.output.length;
    if (!kept) this.#at = middle(data);
    this.#data = data;
    this.#draw();
  }

  // --- moving ---------------------------------------------------------------------------------

  #play(playing) {
    if (playing === this.#playing || !this.#data) return;
    this.#playing = playing;
    this.#parts.play.replaceChildren(icon(playing ? "pause" : "play"), playing ? "Pause" : "Slide");
    if (!playing) return this.#draw();
    if (this.#at === this.#data.output.length - 1) this.#at = 0;
    this.#before = performance.now();
    this.#owed = 0;
    requestAnimationFrame((now) => this.#tick(now));
  }

  #tick(now) {
    if (!this.#playing) return;
    this.#owed += ((now - this.#before) / 1000) * Number(this.#parts.speed.value);
    this.#before = now;
    const whole = Math.floor(this.#owed);
    this.#owed -= whole;
    if (whole) this.#move(this.#at + whole);
    if (this.#at === this.#data.output.length - 1) this.#play(false);
    else requestAnimationFrame((next) => this.#tick(next));
  }

  #step(by) {
    this.#play(false);
    if (this.#data) this.#move(this.#at + by);
  }

  #walk(event) {
    if (!this.#data) return;
    const [height, width] = this.#data.output.shape;
    const [row, column] = [Math.floor(this.#at / width), this.#at % width];
    if (event.type === "keydown") {
      const way = WAYS[event.key];
      if (!way) return;
      this.#place(row + way[0], column + way[1]);
      event.preventDefault();
    } else if (event.buttons) {
      const room = event.currentTarget.getBoundingClientRect();
      this.#place(
        Math.floor(((event.clientY - room.top) / room.height) * height),
        Math.floor(((event.clientX - room.left) / room.width) * width),
      );
    }
  }

  #place(row, column) {
    this.#play(false);
    const [height, width] = this.#data.output.shape;
    this.#move(within(row, height) * width + within(column, width));
  }

  #move(at) {
    this.#at = within(at, this.#data.output.length);
    this.#draw();
  }

  // --- the picture ----------------------------------------------------------------------------

  #draw() {
    if (!this.#data) return;
    const { input, output, grids, sum } = this.#parts;
    const here = windowAt(this.#data, this.#at);
    const { kernel, padding } = this.#data;
    const side = kernel.shape[0];
    const around = padded(this.#data);
    input.show(around, [here.row, here.column, side], around.length, padding);
    output.show(this.#data.output, [here.row, here.column, 1], this.#at + 1, 0);
    grids.patch.show(here.patch, side, largest(this.#data.input));
    grids.kernel.show(kernel, side, largest(kernel));
    grids.products.show(here.products, side, largest(this.#data.input) * largest(kernel));
    const told = `${written(here.sum, 3)} + ${signed(this.#data.bias, 3)} = ${written(here.value, 3)}`;
    sum.replaceChildren(`sum of the ${side * side} products + bias: `, element("b", {}, told));
    if (this.#playing) return; // it is said where the window has come to when it rests
    output.box.setAttribute(
      "aria-label",
      `The map so far; row ${here.row + 1}, column ${here.column + 1}: ${written(here.value, 3)}. Arrow keys move the window.`,
    );
  }
}

function parts({ play, step, map, walk }) {
  const button = (sign, label, onclick) =>
    element("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick }, sign);
  const speeds = Object.entries(SPEEDS).map(([value, label]) => element("option", { value }, label));
  const made = {
    map: element("select", { "aria-label": "Map", onchange: map }, ...optionsOf("Map", 1, 0)),
    play: element("button", { type: "button", class: "slide-play", onclick: play }, icon("play"), "Slide"),
    speed: element("select", { "aria-label": "Speed of the window" }, ...speeds),
    input: picture("input, with its border of zeros"),
    output: picture("the map so far", walk),
    grids: { patch: grid("under the window"), kernel: grid("kernel"), products: grid("products") },
    sum: element("p", { class: "sum" }, "\u00a0"),
  };
  const back = button("‹", "One pixel back", () => step(-1));
  const on = button("›", "One pixel on", () => step(1));
  const { patch, kernel, products } = made.grids;
  made.speed.value = "30";
  made.all = [
    element("div", { class: "row" }, made.map, made.play, back, on, made.speed),
    element("div", { class: "sliding" }, made.input.figure, made.output.figure),
    element("div", { class: "grids" }, patch.box, sign("×"), kernel.box, sign("="), products.box),
    made.sum,
  ];
  return made;
}

function sign(text) {
  return element("span", { class: "sign", "aria-hidden": "true" }, text);
}

// An image with a frame on it; `walk` takes keys and the mouse where the frame can be moved.
function picture(caption, walk = null) {
  const canvas = element("canvas", { width: 28, height: 28, "aria-hidden": "true" });
  const frame = element("span", { class: "frame" });
  const moved = { tabindex: 0, role: "application", onkeydown: walk, onpointerdown: walk, onpointermove: walk };
  const seen = { role: "img", "aria-label": caption };
  const box = element("div", { class: "framed", ...(walk ? moved : seen) }, canvas, frame);
  return {
    box,
    figure: element("figure", {}, box, element("figcaption", {}, caption)),
    show(values, [row, column, side], filled) {
      const [height, width] = values.shape;
      const limit = largest(values) || 1;
      drawSheet(canvas, bytesOf(values, -limit, limit), { height, width });
      if (filled < values.length) empty(canvas, filled, width);
      const of = (pixels, all) => `${(100 * pixels) / all}%`;
      Object.assign(frame.style, { left: of(column, width), top: of(row, height) });
      Object.assign(frame.style, { width: of(side, width), height: of(side, height) });
    },
  };
}

// What has not been computed yet.
function empty(canvas, filled, width) {
  const context = canvas.getContext("2d");
  const [row, column] = [Math.floor(filled / width), filled % width];
  context.clearRect(column, row, width - column, 1);
  context.clearRect(0, row + 1, width, canvas.height);
}

function grid(caption) {
  const table = element("div", { class: "cells" });
  let cells = [];
  return {
    box: element("figure", {}, table, element("figcaption", {}, caption)),
    show(values, side, limit) {
      if (cells.length !== side * side) {
        cells = Array.from({ length: side * side }, () => element("span"));
        table.replaceChildren(...cells);
        table.style.setProperty("--side", side);
        table.dataset.side = side;
      }
      cells.forEach((cell, i) => {
        cell.textContent = short(values[i]);
        const share = limit ? Math.abs(values[i]) / limit : 0;
        cell.style.setProperty("--share", share.toFixed(2));
        cell.classList.toggle("minus", values[i] < 0);
      });
    },
  };
}

// Two decimals, without the zero in front that all of them have.
function short(value) {
  return value === 0 ? "0" : written(value).replace(/^(−?)0\./, "$1.");
}

function middle({ output }) {
  const [height, width] = output.shape;
  return Math.floor(height / 2) * width + Math.floor(width / 2);
}

function within(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}
