// Who is who: marks, values at the step that is shown, what became of each; and who is looked into.

import { element } from "../shared/controls.js";
import { markOf } from "./marks.js";
import { told } from "./numbers.js";
import { heightAt } from "./paths.js";

export class Legend {
  /** In `box`; `choose(name)` is called when somebody else is to be looked into. */
  constructor(box, experiment, clock, labels, choose) {
    Object.assign(this, { box, clock, labels, choose });
    this.rows = {};
    this.chosen = null;
    experiment.onFrame((frame) => this.#show(frame));
    clock.onTick(() => this.#tell());
  }

  #show({ paths }) {
    this.paths = paths;
    const names = Object.keys(paths);
    if (names.join() !== Object.keys(this.rows).join()) this.#layOut(names);
    for (const name of names) this.rows[name].note.textContent = paths[name].note;
    this.#tell();
    if (!names.includes(this.chosen)) this.#choose(names[0]);
  }

  #layOut(names) {
    this.rows = Object.fromEntries(names.map((name) => [name, this.#row(name)]));
    this.box.replaceChildren(...names.map((name) => this.rows[name].line));
    this.#press();
  }

  #row(name) {
    const value = element("span", { class: "value num" });
    const note = element("span", { class: "fate" });
    const line = element(
      "button",
      { type: "button", class: "entry", "data-optimizer": name, title: "Spell out its steps", onclick: () => this.#choose(name) },
      markOf(name),
      element("span", { class: "who" }, this.labels[name]),
      value,
      note,
    );
    return { line, value, note };
  }

  #choose(name) {
    this.chosen = name;
    this.#press();
    this.choose(name);
  }

  #press() {
    for (const [name, { line }] of Object.entries(this.rows)) line.setAttribute("aria-pressed", String(name === this.chosen));
  }

  #tell() {
    for (const [name, { value }] of Object.entries(this.rows)) {
      const text = told(heightAt(this.paths[name], this.clock.step));
      if (value.textContent !== text) value.textContent = text;
    }
  }
}
