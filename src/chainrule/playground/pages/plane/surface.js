// A canvas as sharp as the screen, drawn at most once for each picture of the screen.

/** Draws on a canvas whenever `later()` was called, and whenever its size changes. */
export class Surface {
  /** `draw(context, width, height)` is called in pixels of the page, on a clear canvas. */
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.width = this.height = 0;
    this.context = canvas.getContext("2d");
    this.draw = draw;
    this.asked = 0;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  later() {
    this.asked ||= requestAnimationFrame(() => this.now());
  }

  now() {
    cancelAnimationFrame(this.asked);
    this.asked = 0;
    if (!this.width || !this.height) return;
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.draw(this.context, this.width, this.height);
  }

  #resize() {
    this.ratio = devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.now(); // before the screen shows the canvas that the new size has cleared
  }
}
