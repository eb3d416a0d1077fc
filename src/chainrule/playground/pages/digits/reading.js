// What the network makes of the image on the pad, asked as it is drawn and as the network learns.
//
// One question is under way at a time, and the next is about the latest image. While training goes
// on, the same image is asked about once a second.

const PAUSE = 60; // milliseconds between two questions while drawing
const AGAIN = 1000; // and while only the network changes

/** The same question again and again, about the latest drawing. */
export class Reading {
  #experiment;
  #listeners = [];
  #image = { strokes: [] };
  #ended = true;
  #fresh = false;
  #asked = 0; // when
  #timer = null;
  #due = Infinity;
  #busy = false;
  #steps = null; // that the network had taken when it was asked

  constructor(experiment) {
    this.#experiment = experiment;
    experiment.onFrame((frame) => frame.steps !== this.#steps && this.#soon(AGAIN));
    experiment.onSettings(() => this.#soon(PAUSE));
  }

  /** Call `show(answer, {blank, ended, fresh})` for each answer; `fresh` if the image is another. */
  onAnswer(show) {
    this.#listeners.push(show);
  }

  /** Ask about an image, as `Pad.image` has it; `ended` when its last stroke is whole. */
  read(image, ended) {
    this.#image = image;
    this.#ended = ended;
    this.#fresh = true;
    this.#soon(PAUSE);
  }

  #soon(pause) {
    const due = Math.max(performance.now(), this.#asked + pause);
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), due - performance.now());
  }

  async #ask() {
    this.#due = Infinity;
    if (this.#busy) return this.#soon(PAUSE);
    this.#busy = true;
    const image = this.#image;
    const about = { blank: image.strokes?.length === 0, ended: this.#ended, fresh: this.#fresh };
    this.#fresh = false;
    this.#asked = performance.now();
    this.#steps = this.#experiment.frame?.steps ?? null;
    const answer = await this.#experiment.ask("read", image, { say: false });
    this.#busy = false;
    if (answer) for (const show of this.#listeners) show(answer, about);
  }
}
