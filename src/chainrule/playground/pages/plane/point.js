// The point of the plane that the page speaks about: where the mouse is, or the keyboard put it.
//
// What the network makes of it is asked for at most ten times a second, one question at a time and
// only about the newest place; while training, again and again.

import { later, latest } from "../shared/timing.js";

const QUICK = 100; // milliseconds between two questions
const CALM = 250; // and between two calls of those who want it settled

/** The point; `place` is `{x, y}` in the plane's coordinates, `look` the last answer about it. */
export class Point {
  constructor(experiment) {
    this.experiment = experiment;
    this.place = null;
    this.look = this.looked = null;
    this.hovered = null;
    this.listeners = { point: [], settled: [], neuron: [] };
    this.asking = latest(() => Promise.all([this.#ask(), later(QUICK)]));
    this.settling = latest(() => Promise.all([this.#tell("settled"), later(CALM)]));
    experiment.onFrame((frame) => this.place && this.#follow(frame));
  }

  /** Call `show({x, y, label, look})` whenever the point moves, and when the answer is there. */
  onPoint(show) {
    this.listeners.point.push(show);
    if (this.place) show(this.#told());
  }

  /** Call `show({x, y, label, look})` with the newest place, at most four times a second. */
  onSettled(show) {
    this.listeners.settled.push(show);
    if (this.place) show(this.#told());
  }

  /** Call `show({layer, unit})`, or `show(null)`, for the neuron that the person looks at. */
  onNeuron(show) {
    this.listeners.neuron.push(show);
    show(this.hovered);
  }

  /** Move the point. */
  put({ x, y }) {
    this.place = { x, y };
    this.#tell("point");
    this.#stir();
  }

  /** Say which neuron the person looks at. */
  neuron(which) {
    if (JSON.stringify(which) === JSON.stringify(this.hovered)) return;
    this.hovered = which;
    for (const show of this.listeners.neuron) show(which);
  }

  /** Other data may have a smaller plane. */
  #follow({ span }) {
    const within = (value) => Math.min(Math.max(value, -span), span);
    const [x, y] = [within(this.place.x), within(this.place.y)];
    if (x !== this.place.x || y !== this.place.y) this.put({ x, y });
    else this.#stir();
  }

  #stir() {
    this.asking();
    this.settling();
  }

  async #ask() {
    const { x, y } = this.place;
    const look = await this.experiment.ask("look", { x, y }, { say: false });
    if (!look) return;
    this.look = look;
    this.looked = { x, y };
    this.#tell("point");
    if (this.#isLooked()) this.settling(); // the label is known by now
  }

  // Whether the last answer is about the place of now.
  #isLooked() {
    return this.looked?.x === this.place.x && this.looked?.y === this.place.y;
  }

  #told() {
    const label = this.#isLooked() ? (this.look.nearest?.label ?? null) : null;
    return { ...this.place, label, look: this.look };
  }

  #tell(kind) {
    for (const show of this.listeners[kind]) show(this.#told());
  }
}
