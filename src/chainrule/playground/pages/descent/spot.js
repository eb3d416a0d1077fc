// The place that is pointed at: height, slope and curvature there, asked for and told in a line.

import { place, told } from "./numbers.js";

export class Spot {
  constructor(box, experiment) {
    Object.assign(this, { box, experiment });
    this.point = null;
    this.answer = null; // of `point`
    this.listeners = [];
    this.asking = false;
    this.wanted = null;
    experiment.onFrame(() => this.#again());
  }

  /** Call `show()` when there is an answer, or none any more. */
  onAnswer(show) {
    this.listeners.push(show);
  }

  /** Point at coordinates; at nothing if `null`. */
  at(point) {
    this.wanted = point;
    if (point === null) this.#settle(null, null);
    else this.#ask();
  }

  /** The start of another function, or of the same: what is told while nothing is pointed at. */
  #again() {
    if (this.wanted && this.wanted.length !== this.experiment.frame.dims) this.at(null);
    else if (!this.wanted) this.#tell();
  }

  async #ask() {
    if (this.asking) return; // the latest place is asked for when the answer is there
    this.asking = true;
    while (this.wanted && this.wanted !== this.point) {
      const point = this.wanted;
      const [x, y] = point;
      const answer = await this.experiment.ask("at", y === undefined ? { x } : { x, y }, { say: false });
      if (this.wanted) this.#settle(answer && point, answer);
      if (!answer) break;
    }
    this.asking = false;
  }

  #settle(point, answer) {
    this.point = point;
    this.answer = answer;
    this.#tell();
    for (const show of this.listeners) show();
  }

  #tell() {
    const text = this.answer ? this.#told() : "Point at the picture for height and slope; click to start there.";
    if (this.box.textContent !== text) this.box.textContent = text;
  }

  #told() {
    const { value, gradient, curvatures, stable } = this.answer;
    const bends = Array.from(curvatures, (one) => told(one, 3)).join(" and ");
    const rate = stable === null ? "it curves upwards nowhere" : `steady up to a rate of ${told(stable, 3)}`;
    return `At ${place(this.point)}: height ${told(value)}, gradient ${place(gradient)}, curvature ${bends}; ${rate}.`;
  }
}
