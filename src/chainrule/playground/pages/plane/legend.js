// What colours and marks in the large picture mean, and the chances of classes at the cross.

import { element } from "../shared/controls.js";
import { classColor } from "./colors.js";
import { figure } from "./figures.js";
import { addMark } from "./marks.js";
import { inUnits } from "./plot.js";

/** The legend; `box` is its element. */
export class Legend {
  constructor() {
    this.box = element("ul", { class: "plane-legend" });
    this.shown = "";
  }

  /** Say what a frame's colours mean; `anew` even if they mean the same. Whether that was needed. */
  show(frame, data, anew = false) {
    const ends = frame.kind === "number" ? endsOf(frame.boundary, data?.target) : [];
    const shown = JSON.stringify([frame.kind, frame.classes, ends]);
    if (shown === this.shown && !anew) return false;
    this.shown = shown;
    const meaning = frame.kind === "number" ? [scale(ends)] : frame.classes.map((name, k) => this.#item(mark(k), name));
    this.box.replaceChildren(...meaning);
    return true;
  }

  /** Say the chances of the classes at the cross. */
  tell(chances) {
    this.box.querySelectorAll(".chance").forEach((one, k) => (one.textContent = chances.length ? brief(chances[k]) : ""));
  }

  #item(sign, text) {
    return element("li", { title: text }, sign, element("span", { class: "name" }, text), element("span", { class: "chance" }));
  }
}

// A chance in few letters; nothing is rounded to all or to none.
function brief(chance) {
  if (!Number.isFinite(chance)) return "–";
  if (chance > 0.99 && chance < 1) return ">99 %";
  if (chance > 0 && chance < 0.01) return "<1 %";
  return `${Math.round(100 * chance)} %`;
}

function scale([name, low, high]) {
  return element("li", {}, element("span", {}, `${name} ${low}`), element("i", { class: "scale" }), element("span", {}, high));
}

// What the colours at both ends stand for, in the units of the data.
function endsOf({ low, high }, target = { name: "number", low: -1, high: 1 }) {
  return [target.name, ...[low, high].map((one) => figure(inUnits(one, target, 1)))];
}

/** The mark of a class as a small SVG drawing. */
export function mark(shape) {
  const path = new Outline();
  addMark(path, shape, 7, 7, 4.5);
  const drawn = svg("path", { d: path.text, fill: `rgb(${classColor(shape).join(" ")})` });
  const picture = svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" });
  picture.append(drawn);
  return picture;
}

// The part of a path that marks are made of, as the text that SVG has for it.
class Outline {
  text = "";

  moveTo(x, y) {
    this.text += `M${x},${y}`;
  }

  lineTo(x, y) {
    this.text += `L${x},${y}`;
  }

  arc(x, y, radius) {
    this.text += `A${radius},${radius} 0 1 1 ${x - radius},${y} A${radius},${radius} 0 1 1 ${x + radius},${y}`;
  }

  closePath() {
    this.text += "Z";
  }
}

function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
