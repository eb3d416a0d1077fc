// The data, chosen by small pictures of them.

import { element } from "../shared/controls.js";
import { icon } from "../shared/icons.js";
import { drawThumb } from "./thumbs.js";

const APART = ["csv"]; // is chosen by bringing a file

/** The pictures; one of them is chosen, unless a file is used. `last` is what stands after them. */
export class Chooser {
  constructor(experiment, box, last) {
    const options = Object.entries(experiment.table.data.options).filter(([name]) => !APART.includes(name));
    this.tiles = new Map(options.map(([name, label]) => [name, tile(name, label, () => experiment.change({ data: name }))]));
    box.replaceChildren(
      element(
        "fieldset",
        { class: "chooser", "data-setting": "data" },
        element("legend", { class: "visually-hidden" }, experiment.table.data.label),
        ...[...this.tiles.values()].map((one) => one.label),
        last,
      ),
    );
    experiment.onSettings(({ data }) => this.#choose(data));
    this.#draw(experiment);
  }

  #choose(data) {
    for (const [name, { input }] of this.tiles) input.checked = name === data;
  }

  async #draw(experiment) {
    const kinds = (await experiment.ask("kinds", {}, { say: false })) ?? {};
    for (const [name, points] of Object.entries(kinds)) {
      const found = this.tiles.get(name);
      if (found) drawThumb(found.canvas, points);
    }
  }
}

function tile(name, label, choose) {
  const input = element("input", { type: "radio", name: "data", value: name, onchange: choose });
  const canvas = element("canvas", { width: 96, height: 96, "aria-hidden": "true" });
  const sign = name === "drawn" ? element("span", { class: "sign" }, icon("pen")) : null;
  return { input, canvas, label: element("label", { class: "tile" }, input, canvas, sign, element("span", { class: "name" }, label)) };
}
