// Neurons for the keyboard and for screen readers: one element over each, of which one can be
// reached with Tab; arrow keys go on from there, Enter steps through the weights that come in.

import { element } from "../shared/controls.js";

const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** `look({layer, unit})` or `look(null)` is called as the focus moves, `step()` by Enter; `describe` says the label. */
export class Cursor {
  constructor(box, { look, step, describe }) {
    Object.assign(this, { box, look, step, describe });
    this.cells = [];
    this.now = { layer: 0, unit: 0 };
    box.addEventListener("keydown", (event) => this.#key(event));
    box.addEventListener("focusin", (event) => this.#focused(event.target));
    box.addEventListener("focusout", () => this.look(null));
  }

  /** Lay the elements over the neurons. */
  place(places) {
    const held = this.box.contains(document.activeElement);
    const half = places.size / 2;
    this.cells = places.columns.map(({ x, ys }, layer) =>
      ys.map((y, unit) => this.#cell(layer, unit, `left: ${x - half}px; top: ${y - half}px; width: ${places.size}px; height: ${places.size}px`)),
    );
    this.box.replaceChildren(...this.cells.flat());
    this.#settle(this.now);
    if (held) this.#cellNow()?.focus({ preventScroll: true });
  }

  /** Say the label of the neuron that has the focus anew. */
  refresh() {
    const cell = this.#cellNow();
    if (cell && cell === document.activeElement) cell.setAttribute("aria-label", this.describe(this.now.layer, this.now.unit));
  }

  #cell(layer, unit, style) {
    return element("div", { class: "neuron", role: "button", tabindex: -1, style, "data-neuron": `${layer}.${unit}`, "aria-label": this.describe(layer, unit) });
  }

  #cellNow() {
    return this.cells[this.now.layer]?.[this.now.unit];
  }

  #focused(cell) {
    const [layer, unit] = (cell.dataset.neuron ?? "").split(".").map(Number);
    if (!this.cells[layer]?.[unit]) return;
    this.#settle({ layer, unit });
    this.refresh();
    this.look(this.now);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") this.step();
    else if (event.key === "Escape") this.look(this.now);
    else if (event.key in MOVES) this.#move(...MOVES[event.key]);
    else return;
    event.preventDefault();
  }

  #move(across, down) {
    const layer = Math.min(Math.max(this.now.layer + across, 0), this.cells.length - 1);
    const last = this.cells[layer].length - 1;
    const share = (this.now.unit + 0.5) / this.cells[this.now.layer].length; // the same height
    const beside = layer === this.now.layer ? this.now.unit + down : Math.floor(share * (last + 1));
    this.#settle({ layer, unit: Math.min(Math.max(beside, 0), last) });
    this.#cellNow().focus();
  }

  #settle({ layer, unit }) {
    this.#cellNow()?.setAttribute("tabindex", "-1");
    const column = Math.min(layer, this.cells.length - 1);
    this.now = { layer: column, unit: Math.min(unit, this.cells[column].length - 1) };
    this.#cellNow()?.setAttribute("tabindex", "0");
  }
}
