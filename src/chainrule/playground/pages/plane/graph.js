// The graph of numbers behind the output at one point, to be zoomed and scrolled.

import { element } from "../shared/controls.js";
import { inside } from "./inside.js";
import { placeInWords } from "./place.js";

const ZOOMS = [0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4];

/** The panel of the graph. */
export class Graph {
  constructor(panel, experiment, { place, point, isOpen }) {
    this.at = element("p", { class: "at num" }, "\u00a0");
    this.note = element("p", { class: "note" });
    this.body = element("div", { class: "body graph", tabindex: 0, role: "region", "aria-label": "The graph of numbers, to be scrolled" });
    this.zoom = 0.7; // 0: as wide as the panel
    this.neuron = null;
    const buttons = element(
      "div",
      { class: "row zoom" },
      button("−", "Smaller", () => this.#zoomBy(-1)),
      button("Fit", "As wide as the panel", () => this.#zoomTo(0)),
      button("+", "Larger", () => this.#zoomBy(1)),
    );
    panel.replaceChildren(element("div", { class: "inside-head" }, this.at, buttons, this.note), this.body);
    this.body.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    this.refresh = inside(experiment, "graph", {
      place: () => place.now,
      isOpen: () => isOpen(panel),
      show: (answer, asked) => this.#show(answer, placeInWords(asked, experiment.frame)),
    });
    place.onPlace(() => this.refresh());
    point.onNeuron?.((neuron) => this.#look(neuron));
  }

  #show({ svg, note }, said) {
    if (this.at.textContent !== said) this.at.textContent = said;
    this.note.textContent = note ?? "";
    if (svg === this.svg) return;
    const first = !this.svg;
    this.svg = svg;
    this.#keepPlace(() => {
      this.body.innerHTML = svg;
      const drawing = this.body.querySelector("svg");
      this.natural = drawing ? drawing.viewBox.baseVal.width || drawing.width.baseVal.value : 0;
      this.#size();
    });
    if (first) this.body.scrollTop = (this.body.scrollHeight - this.body.clientHeight) / 2;
    this.#mark();
  }

  // What stands in the middle stays there, however large it becomes.
  #keepPlace(work) {
    const { body } = this;
    const middle = [(body.scrollLeft + body.clientWidth / 2) / body.scrollWidth, (body.scrollTop + body.clientHeight / 2) / body.scrollHeight];
    work();
    body.scrollTo(middle[0] * body.scrollWidth - body.clientWidth / 2, middle[1] * body.scrollHeight - body.clientHeight / 2);
  }

  #look(neuron) {
    this.neuron = neuron;
    const found = this.#mark();
    if (!found || !this.zoom || this.body.closest("[hidden]")) return;
    const inner = found.getBoundingClientRect();
    const outer = this.body.getBoundingClientRect();
    this.body.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
    this.body.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }

  /** Mark the numbers of the neuron looked at, its sum and its value; returns the first of them. */
  #mark() {
    for (const one of this.body.querySelectorAll(".looked")) one.classList.remove("looked");
    if (!this.neuron) return null;
    const { layer, unit } = this.neuron;
    const names = [`z${layer},${unit + 1}`, `a${layer},${unit + 1}`];
    const titles = [...this.body.querySelectorAll(".node > title")];
    const found = titles.filter((title) => names.includes(title.textContent.split(" = ")[0])).map((title) => title.parentElement);
    for (const one of found) one.classList.add("looked");
    return found[0] ?? null;
  }

  #onWheel(event) {
    if (!event.ctrlKey) return; // otherwise it scrolls
    event.preventDefault();
    this.#zoomBy(event.deltaY < 0 ? 1 : -1);
  }

  #zoomBy(direction) {
    const now = this.zoom || this.body.clientWidth / this.natural;
    const next = direction > 0 ? ZOOMS.find((one) => one > now * 1.02) : ZOOMS.findLast((one) => one < now / 1.02);
    if (next) this.#zoomTo(next);
  }

  #zoomTo(zoom) {
    this.zoom = zoom;
    this.#keepPlace(() => this.#size());
  }

  #size() {
    const drawing = this.body.querySelector("svg");
    if (!drawing) return;
    drawing.removeAttribute("height");
    drawing.style.height = "auto";
    drawing.style.width = this.zoom ? `${this.natural * this.zoom}px` : "100%";
    drawing.style.maxWidth = this.zoom ? "none" : `${this.natural}px`;
  }
}

function button(sign, label, onclick) {
  return element("button", { type: "button", "aria-label": label, title: label, onclick }, sign);
}
