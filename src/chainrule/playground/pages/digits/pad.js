// The drawing pad: strokes by mouse, finger, pen or keys, or an image of the test set in their place.
// Knows no network.
//
// A stroke is a list of points [x, y], from 0 to 1, y downwards.

import { element } from "../shared/controls.js";
import { onScheme } from "../shared/palette.js";
import { drawSheet } from "./sheet.js";

const PEN = 0.065; // its width, of the pad's
const NEAR = 0.006; // points closer than this to the last are left out
const STEP = 0.04; // of an arrow key; a quarter of it with Shift
const MOST_POINTS = 4000;
const MOST_STROKES = 64;
const LABEL =
  "Drawing pad. Draw with mouse, finger or pen; or with keys: arrows move the pen, space puts it down " +
  "and lifts it, Backspace takes the last stroke back, Delete clears.";

/** A pad in `box`; `changed(ended)` is called as strokes grow, `ended` when one is whole. */
export class Pad {
  #canvas;
  #hint;
  #spoken;
  #buttons;
  #changed;
  #example = null; // {row, bytes, height, width}, in place of strokes
  #data = ""; // that the image is of
  #drawing = null; // the id of the pointer that draws
  #cursor = [0.5, 0.25];
  #byKeys = false; // the cursor of the keys is shown
  #down = false; // and draws

  constructor(box, changed) {
    this.strokes = [];
    this.#changed = changed;
    this.#canvas = element("canvas", { class: "pad", tabindex: 0, role: "application", "aria-label": LABEL });
    this.#hint = element("p", { class: "hint", "aria-hidden": "true" }, "draw a digit here");
    this.#spoken = element("p", { class: "visually-hidden", role: "status" });
    this.#buttons = {
      undo: element("button", { type: "button", onclick: () => this.undo() }, "Take back"),
      clear: element("button", { type: "button", onclick: () => this.clear() }, "Clear"),
    };
    box.append(
      element("div", { class: "board" }, this.#canvas, this.#hint),
      element("div", { class: "row" }, this.#buttons.undo, this.#buttons.clear),
      this.#spoken,
    );
    this.#listen();
    onScheme(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  /** What is on the pad, for a question: `strokes`, or the `row` of the test set's image. */
  get image() {
    return this.#example ? { row: this.#example.row } : { strokes: this.strokes.map((stroke) => stroke.slice()) };
  }

  /** Show an image of the test set: {row, bytes, height, width}. */
  show(example) {
    this.#empty();
    this.#example = example;
    this.#tell(true);
  }

  /** Images are of this data set from now on: one of another goes. */
  of(data) {
    if (this.#example && this.#data !== data) this.clear();
    this.#data = data;
  }

  /** Take the last stroke back. */
  undo() {
    if (this.#example) return this.clear();
    if (!this.strokes.pop()) return;
    this.#down = false;
    this.#drawing = null;
    this.#tell(true);
  }

  /** Take all of them back. */
  clear() {
    if (this.#isEmpty()) return;
    this.#empty();
    this.#tell(true);
  }

  #isEmpty() {
    return !this.strokes.length && !this.#example;
  }

  #empty() {
    this.strokes = [];
    this.#example = null;
    this.#down = false;
    this.#drawing = null;
  }

  // --- mouse, finger, pen ---------------------------------------------------------------------

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#release(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
  }

  #press(event) {
    if (event.button !== 0 || this.#drawing !== null) return;
    this.#leave();
    this.#drawing = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#placeOf(event));
    this.#tell(false);
  }

  #move(event) {
    if (event.pointerId !== this.#drawing) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.#extend(this.#placeOf(one));
    this.#tell(false);
  }

  #release(event) {
    if (event.pointerId !== this.#drawing) return;
    this.#drawing = null;
    this.#tell(true);
  }

  #placeOf(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(kept);
  }

  // --- keys -----------------------------------------------------------------------------------

  #key(event) {
    if (!this.#answer(event)) return;
    event.preventDefault();
    event.stopPropagation(); // these keys mean other things elsewhere on the page
  }

  #answer(event) {
    const held = event.ctrlKey || event.metaKey;
    if (held && event.key.toLowerCase() === "z" && !event.shiftKey && !this.#isEmpty()) return this.undo(), true;
    if (held || event.altKey) return false;
    if (event.key in ARROWS) return this.#walk(ARROWS[event.key], event.shiftKey ? STEP / 4 : STEP), true;
    if (event.key === " ") return this.#toggle(), true;
    if (event.key === "Backspace") return this.undo(), true;
    if (event.key === "Delete") return this.clear(), true;
    return false;
  }

  #walk([dx, dy], step) {
    this.#cursor = [kept(this.#cursor[0] + step * dx), kept(this.#cursor[1] + step * dy)];
    this.#byKeys = true;
    if (this.#down) this.#extend(this.#cursor);
    if (this.#down) this.#tell(false);
    else this.#draw();
    this.#speak();
  }

  #toggle() {
    this.#byKeys = true;
    this.#down = !this.#down;
    if (this.#down) this.#begin(this.#cursor);
    this.#tell(!this.#down);
    this.#speak();
  }

  #leave() {
    const drew = this.#down;
    this.#byKeys = this.#down = false;
    if (drew) this.#tell(true);
    else this.#draw();
  }

  #speak() {
    const [across, down] = this.#cursor.map((one) => Math.round(100 * one));
    this.#spoken.textContent = `pen ${this.#down ? "down" : "up"}, ${across} % across, ${down} % down`;
  }

  // --- strokes --------------------------------------------------------------------------------

  #begin(place) {
    this.#example = null;
    if (this.strokes.length >= MOST_STROKES) this.strokes.shift();
    this.strokes.push([place]);
  }

  #extend(place) {
    const stroke = this.strokes.at(-1);
    const [x, y] = stroke.at(-1);
    if (Math.hypot(place[0] - x, place[1] - y) < NEAR) return;
    const points = this.strokes.reduce((sum, one) => sum + one.length, 0);
    if (points < MOST_POINTS) stroke.push(place);
  }

  #tell(ended) {
    this.#draw();
    this.#changed(ended);
  }

  // --- the picture ----------------------------------------------------------------------------

  #draw() {
    const canvas = this.#canvas;
    const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, side, side);
    context.strokeStyle = context.fillStyle = style.color;
    context.lineWidth = PEN * side;
    context.lineCap = context.lineJoin = "round";
    if (this.#example) drawExample(context, this.#example, side);
    for (const stroke of this.strokes) drawStroke(context, stroke, side);
    if (this.#byKeys) this.#drawCursor(context, side, style.getPropertyValue("--focus"));
    const empty = this.#isEmpty();
    this.#hint.hidden = !empty;
    for (const button of Object.values(this.#buttons)) button.disabled = empty;
  }

  #drawCursor(context, side, colour) {
    const [x, y] = this.#cursor.map((one) => one * side);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 0.012 * side;
    context.beginPath();
    context.arc(x, y, 0.04 * side, 0, 2 * Math.PI);
    context.stroke();
    if (this.#down) context.fill();
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// A coordinate as it is kept: on the pad, to a thousandth.
function kept(value) {
  return Math.round(1000 * Math.max(0, Math.min(1, value))) / 1000;
}

// Its pixels, as large as they fit.
function drawExample(context, { bytes, height, width }, side) {
  const sheet = document.createElement("canvas");
  drawSheet(sheet, bytes, { height, width, colours: "ink" });
  context.imageSmoothingEnabled = false;
  context.drawImage(sheet, 0, 0, side, side);
}

// Curves from middle to middle of the points' distances, so that corners are round.
function drawStroke(context, stroke, side) {
  const points = stroke.map(([x, y]) => [x * side, y * side]);
  context.beginPath();
  context.moveTo(...points[0]);
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i];
    const [nextX, nextY] = points[i + 1];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...points.at(-1));
  context.stroke();
}
