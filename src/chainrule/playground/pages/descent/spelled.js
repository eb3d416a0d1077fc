// One step of one optimiser in letters and in numbers, as the engine spells it out.

import { element } from "../shared/controls.js";
import { told } from "./numbers.js";

export class Spelled {
  constructor(box, experiment, clock, labels) {
    Object.assign(this, { box, experiment, clock, labels });
    this.name = null;
    this.version = 0; // of the frame: the same step of another experiment is another
    this.shown = "";
    this.asking = false;
    experiment.onFrame(() => {
      this.version += 1;
      this.#ask();
    });
    clock.onTick(() => this.#ask());
  }

  /** Whose steps. */
  of(name) {
    this.name = name;
    this.#ask();
  }

  /** The step that led to where it is; at the start the first one, which is to come. */
  #step() {
    const path = this.experiment.frame?.paths[this.name];
    return path ? Math.max(1, Math.min(this.clock.step, path.value.length - 1)) : 0;
  }

  #key() {
    return `${this.version} ${this.name} ${this.#step()}`;
  }

  async #ask() {
    if (this.asking || !this.#step()) return;
    this.asking = true;
    while (this.shown !== this.#key()) {
      const [key, name, step] = [this.#key(), this.name, this.#step()];
      const answer = await this.experiment.ask("step", { optimizer: name, step }, { say: false });
      this.shown = key; // also where there was none: it is not asked for again
      if (answer) this.#show(name, answer);
    }
    this.asking = false;
  }

  #show(name, { step, lines, off }) {
    const dims = lines[0].numbers.length;
    const head = `Step ${step} of ${this.labels[name]}`;
    const agrees = off < 1e-9 ? "The optimiser itself went there." : `The optimiser itself is ${told(off)} away.`;
    this.box.replaceChildren(
      element("h2", {}, head),
      element("dl", { class: "lines" }, ...lines.flatMap((line) => this.#line(line, dims))),
      element("p", { class: "note" }, agrees),
    );
  }

  #line({ name, rule, numbers, words }, dims) {
    const rows = numbers.map((text, i) => {
      const axis = dims > 1 ? element("span", { class: "axis" }, i ? "y" : "x") : null;
      return element("div", { class: "sum num" }, axis, element("span", {}, text));
    });
    return [
      element("dt", {}, element("span", { class: "rule" }, `${name} = ${rule}`), element("span", { class: "note" }, words)),
      element("dd", {}, ...rows),
    ];
  }
}
