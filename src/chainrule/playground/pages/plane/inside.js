// A panel about one point: asks its question again as the point and the network move, while it is
// open, a few times a second, and never twice at once.

const PAUSE = 300; // milliseconds between two answers

/**
 * Keeps a panel up to date. `place()` gives the point as {x, y, label}, or null; `isOpen()` whether
 * anybody looks; `show(answer, place)` puts the answer there.
 */
export class Inside {
  constructor(experiment, question, { place, isOpen, show }) {
    Object.assign(this, { experiment, question, place, isOpen, show });
    this.asking = false;
    this.again = false;
    experiment.onFrame(() => this.refresh());
  }

  /** What is shown may no longer be so. */
  async refresh() {
    if (!this.isOpen() || document.hidden) return;
    if (this.asking) {
      this.again = true;
      return;
    }
    const place = this.place();
    if (!place) return;
    this.asking = true;
    this.again = false;
    const answer = await this.experiment.ask(this.question, place, { say: false });
    if (answer) this.show(answer, place);
    await new Promise((done) => setTimeout(done, PAUSE));
    this.asking = false;
    if (this.again) this.refresh();
  }
}
