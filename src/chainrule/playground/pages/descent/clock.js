// The time of the animation, in steps: played, paused, set by hand. Knows no drawing.

/** Speeds, in steps a second. */
export const SPEEDS = [2, 5, 10, 20, 60];

export class Clock {
  constructor() {
    this.time = 0;
    this.length = 0; // steps that there are
    this.speed = 10;
    this.playing = false;
    this.listeners = [];
    this.still = matchMedia("(prefers-reduced-motion: reduce)"); // then from step to step, no gliding
  }

  /** Call `show(clock)` whenever the time, or whether it runs, changes. */
  onTick(show) {
    this.listeners.push(show);
    show(this);
  }

  /** The last whole step. */
  get step() {
    return Math.floor(this.time + 1e-9);
  }

  /** The time as it is shown: between two steps, where movement is welcome. */
  get shown() {
    return this.still.matches ? this.step : this.time;
  }

  /** How many steps there are; where it was beyond, it is at the end. */
  reach(length) {
    this.length = length;
    this.to(Math.min(this.time, length));
  }

  to(time) {
    this.time = Math.max(0, Math.min(this.length, time));
    this.#tell();
  }

  /** From one whole step to another. */
  by(steps) {
    this.pause();
    this.to(this.step + steps);
  }

  play() {
    if (this.playing) return;
    if (this.time >= this.length) this.time = 0;
    this.playing = true;
    let before = performance.now();
    const tick = (now) => {
      if (!this.playing) return;
      this.time = Math.min(this.length, this.time + (Math.max(0, now - before) / 1000) * this.speed);
      before = now;
      if (this.time >= this.length) this.playing = false;
      this.#tell();
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    this.#tell();
  }

  pause() {
    this.playing = false;
    this.#tell();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** From the start on. */
  replay() {
    this.time = 0;
    this.playing = false;
    this.play();
  }

  #tell() {
    for (const show of this.listeners) show(this);
  }
}
