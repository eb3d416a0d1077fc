// The formulas of the network with the numbers of one point, and the line of the neuron looked at.

import { element } from "../shared/controls.js";
import { inside } from "./inside.js";
import { placeInWords } from "./place.js";

/** The panel of formulas; `point` says which neuron is looked at. */
export class Formulas {
  constructor(panel, experiment, { place, point, isOpen }) {
    this.at = element("p", { class: "at num" }, "\u00a0");
    this.body = element("div", { class: "body", tabindex: 0, role: "region", "aria-label": "Formulas, to be scrolled" });
    this.note = element("p", { class: "note" });
    this.neuron = this.latest = null;
    this.box = panel;
    panel.replaceChildren(element("div", { class: "inside-head" }, this.at, this.note), this.body);
    this.refresh = inside(experiment, "formulas", {
      place: () => place.now,
      more: () => this.#whose(experiment.frame),
      isOpen: () => isOpen(panel),
      show: (answer, asked) => this.#show(answer, placeInWords(asked, experiment.frame)),
    });
    place.onPlace(() => this.refresh());
    point.onNeuron?.((neuron) => this.#look(neuron));
  }

  // The markup is made by our own engine, of numbers and names that it escapes.
  #show({ html, note }, said) {
    if (this.at.textContent !== said) this.at.textContent = said;
    this.note.textContent = note ?? "";
    if (html === this.html) return;
    const { scrollTop, scrollLeft } = this.body;
    this.html = html;
    this.body.innerHTML = html;
    this.body.scrollTo(scrollLeft, scrollTop);
    this.#mark();
  }

  /** The neuron whose gradients are written out, if it is one of those that there are now. */
  #whose(frame) {
    const { layer, unit } = this.latest ?? { layer: 0 };
    return layer && unit < (frame?.layers[layer]?.units ?? 0) ? { layer, unit } : {};
  }

  #look(neuron) {
    this.neuron = neuron;
    if (neuron) {
      this.latest = neuron; // its gradients stay when the mouse goes elsewhere
      this.refresh();
    }
    const line = this.#mark();
    if (!line || this.box.hidden) return;
    // The panel scrolls, the page stays where it is.
    const inner = line.getBoundingClientRect();
    const outer = this.body.getBoundingClientRect();
    if (inner.top < outer.top || inner.bottom > outer.bottom) {
      this.body.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
    }
  }

  /** Mark the lines of the neuron looked at; returns the first of them. */
  #mark() {
    for (const one of this.body.querySelectorAll(".looked")) one.classList.remove("looked");
    if (!this.neuron) return null;
    const found = this.body.querySelectorAll(`[data-neuron="${this.neuron.layer}.${this.neuron.unit}"]`);
    for (const one of found) one.classList.add("looked");
    return found[0] ?? null;
  }
}
