// What one unit of the first layer looks for: its weights as an image, the drawing, their products, and
// the sum in numbers.

import { element } from "../shared/controls.js";
import { bytesOf, onScheme } from "../shared/palette.js";
import { largest, signed, written } from "./numbers.js";
import { optionsOf } from "./options.js";
import { drawSheet } from "./sheet.js";

/** The pictures in `box`; `ask(unit)` gives the arrays of one unit, or `null`. */
export class Unit {
  #ask;
  #data = null;
  #turn = 0; // of the latest question; answers to others come too late
  #choice;
  #pictures = ["input", "weights", "products"].map(picture);
  #sum = element("p", { class: "sum" }, "\u00a0");

  constructor(box, ask) {
    this.#ask = ask;
    this.#choice = element("select", { "aria-label": "Unit", onchange: () => this.refresh() });
    const [input, weights, products] = this.#pictures.map((one) => one.box);
    box.append(
      element("div", { class: "row" }, this.#choice, element("span", { class: "soft" }, "of the first hidden layer")),
      element("div", { class: "looking" }, input, sign("×"), weights, sign("="), products),
      this.#sum,
    );
    this.offer(1);
    onScheme(() => this.#draw());
  }

  /** Offer so many units. */
  offer(units) {
    if (this.#choice.options.length === units) return;
    const chosen = Math.min(Number(this.#choice.value) || 0, units - 1);
    this.#choice.replaceChildren(...optionsOf("Unit", units, chosen));
  }

  /** Show a unit. */
  choose(one) {
    this.#choice.value = one;
    this.refresh();
  }

  /** Ask anew about the drawing and the unit that is chosen. */
  async refresh() {
    const turn = ++this.#turn;
    const data = await this.#ask(Number(this.#choice.value) || 0);
    if (!data || turn !== this.#turn) return;
    this.#data = data;
    this.#draw();
  }

  #draw() {
    if (!this.#data) return;
    const { input, weights, bias } = this.#data;
    const products = input.map((value, i) => value * weights[i]);
    const [height, width] = input.shape;
    [input, weights, products].forEach((values, i) => this.#pictures[i].show(values, { height, width }));
    const sum = products.reduce((total, product) => total + product, 0);
    const told = `${written(sum, 3)} + ${signed(bias, 3)} = ${written(sum + bias, 3)}`;
    this.#sum.replaceChildren(`sum of the ${products.length} products + bias: `, element("b", {}, told));
  }
}

function picture(caption) {
  const canvas = element("canvas", { role: "img", "aria-label": caption, width: 28, height: 28 });
  return {
    box: element("figure", {}, canvas, element("figcaption", {}, caption)),
    show(values, size) {
      const limit = largest(values) || 1;
      drawSheet(canvas, bytesOf(values, -limit, limit), size);
      canvas.setAttribute("aria-label", `${caption}, ${size.height} by ${size.width}, at most ${written(limit)} in size`);
    },
  };
}

function sign(text) {
  return element("span", { class: "sign", "aria-hidden": "true" }, text);
}
