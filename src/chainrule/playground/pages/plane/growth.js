// The names of the layers above the network, and the buttons that add and remove neurons and layers.

import { element } from "../shared/controls.js";

const USUAL = 4; // units of a first hidden layer
const WIDEST = 8; // units that a new layer takes over from its neighbour, at most

/** The head of the network; one change after another, each made of the settings of its moment. */
export class Growth {
  constructor(experiment, head) {
    this.experiment = experiment;
    this.head = head;
    this.turn = Promise.resolve();
  }

  /** Place names and buttons anew; the button that had the focus keeps it. */
  show(frame, places) {
    const focused = this.head.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const last = frame.layers.length - 1;
    this.head.classList.toggle("tight", places.tight);
    this.head.classList.toggle("small-by-nature", places.tight); // the list of layers has larger ones
    this.head.style.width = `${places.width}px`;
    this.head.replaceChildren(
      ...frame.layers.flatMap((layer, i) => [
        at(places.columns[i].x, this.#column(layer, i, last)),
        i < last ? at((places.columns[i].x + places.columns[i + 1].x) / 2, this.#between(i), "between") : null,
      ]).filter(Boolean),
    );
    if (focused) this.#refocus(focused);
  }

  #column(layer, i, last) {
    if (i === 0 || i === last) {
      return [element("span", { class: "layer-name" }, layer.name), element("span", { class: "layer-units soft" }, String(layer.units))];
    }
    const name = `hidden layer ${i}`;
    const { high } = this.experiment.table.layers ?? { high: Infinity };
    return [
      element("span", { class: "layer-name" }, layer.name, this.#button(`gone-${i}`, "×", `remove ${name}`, (sizes) => sizes.splice(i - 1, 1))),
      element(
        "span",
        { class: "layer-units" },
        this.#button(`less-${i}`, "−", `remove a neuron from ${name}`, (sizes) => sizes[i - 1]--, layer.units <= 1),
        element("span", { class: "count" }, layer.units.toLocaleString("en")),
        this.#button(`more-${i}`, "+", `add a neuron to ${name}`, (sizes) => sizes[i - 1]++, layer.units >= high),
      ),
    ];
  }

  #between(i) {
    const { layers = [] } = this.experiment.settings;
    const most = this.experiment.table.layers?.most ?? Infinity;
    const label = i === 0 ? "add a layer after the features" : `add a layer after hidden layer ${i}`;
    const add = (sizes) => sizes.splice(i, 0, Math.min(sizes[i - 1] ?? sizes[i] ?? USUAL, WIDEST));
    return [this.#button(`new-${i}`, "+", label, add, layers.length >= most, "insert")];
  }

  #button(key, sign, label, edit, disabled = false, kind = "") {
    return element(
      "button",
      { type: "button", class: `grow ${kind}`, "data-key": key, "aria-label": label, title: label, disabled, onclick: () => this.#change(edit) },
      sign,
    );
  }

  #change(edit) {
    this.turn = this.turn.then(() => {
      const layers = [...(this.experiment.settings.layers ?? [])];
      edit(layers);
      return this.experiment.change({ layers });
    });
  }

  // Where its button is gone or disabled, the focus goes to the next that is there.
  #refocus(key) {
    const [kind, number] = key.split("-");
    const tries = [key, `more-${number}`, `less-${number}`, `new-${Math.max(number - 1, 0)}`, "new-0"];
    if (kind === "new") tries.unshift(`more-${Number(number) + 1}`);
    for (const one of tries) {
      const found = this.head.querySelector(`[data-key="${one}"]:not(:disabled)`);
      if (found) return found.focus({ preventScroll: true });
    }
  }
}

function at(x, children, kind = "") {
  return element("div", { class: `layer-head ${kind}`, style: `left: ${x}px` }, ...children);
}
