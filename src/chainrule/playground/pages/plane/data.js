// The points of an experiment as they are now: asked for again whenever they change.

/** Keeps the answer to "data"; `now` is that answer, or `null` before the first. */
export class Data {
  constructor(experiment) {
    this.experiment = experiment;
    this.now = null;
    this.version = null;
    this.listeners = [];
    experiment.onFrame((frame) => this.#follow(frame));
  }

  /** Call `show(data)` now, if there is any, and whenever it changes. */
  onData(show) {
    this.listeners.push(show);
    if (this.now) show(this.now);
  }

  async #follow(frame) {
    const of = `${this.experiment.name} ${frame.data_version}`; // another experiment counts anew
    if (this.version === of) return;
    this.version = of;
    const data = await this.experiment.ask("data", {}, { say: false });
    if (this.version !== of) return;
    if (!data) this.version = null; // with the next frame again
    else this.#show(data);
  }

  #show(data) {
    this.now = data;
    for (const show of this.listeners) show(data);
  }
}
