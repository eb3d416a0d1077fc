// A surface, seen from above: shade and lines of equal height, places on it, and its slope.

import { colorOf, paint, table } from "../shared/palette.js";
import { Area } from "./area.js";

const DEEPEST = 105; // of 255: the shade of the lowest places, so that balls stand out from it
const ARROW = 70; // pixels of the longest arrow

export class Surface {
  constructor({ shade, contours, low, high }) {
    Object.assign(this, { low, high, contours, nodes: shade.shape[0] });
    // The picture's first row is at the top, the grid's at the bottom.
    this.bytes = new Uint8Array(shade.length);
    for (let row = 0; row < this.nodes; row++) {
      for (let column = 0; column < this.nodes; column++) {
        const share = 1 - shade[(this.nodes - 1 - row) * this.nodes + column] / 255;
        this.bytes[row * this.nodes + column] = Math.round(DEEPEST * share);
      }
    }
  }

  layOut(width, height) {
    this.area = new Area(width, height, this.low, this.high, true);
    const { left, top, width: wide, height: tall } = this.area;
    const [a, d] = [wide / (this.nodes - 1), -tall / (this.nodes - 1)];
    const turn = new DOMMatrix([a, 0, 0, d, left, top + tall]);
    this.lines = new Path2D();
    for (const { path } of this.contours) if (path) this.lines.addPath(new Path2D(path), turn);
  }

  drawGround(pen) {
    const { left, top, width, height } = this.area;
    const image = document.createElement("canvas");
    paint(image, this.bytes, this.nodes, this.nodes, table("heat"));
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(image, left, top, width, height);
    pen.strokeStyle = colorOf("--ink");
    pen.globalAlpha = 0.28;
    pen.lineWidth = 1;
    pen.stroke(this.lines);
    pen.globalAlpha = 1;
    this.area.axes(pen);
  }

  place(point) {
    return this.area.place(point);
  }

  point(across, down) {
    return this.area.point(across, down);
  }

  /** Which way is down from a point: an arrow, the longer the steeper. */
  drawSlope(pen, point, { gradient }) {
    const size = Math.hypot(...gradient);
    if (!size) return null;
    const from = this.area.place(point);
    const long = ARROW * (1 - Math.exp((-2 * size) / this.#usualSlope())) + 8;
    const [x, y] = gradient.map((one) => (-one / size) * long);
    return { from, to: [from[0] + x, from[1] - y] };
  }

  /** The slope of the surface on the whole: its heights over its width. */
  #usualSlope() {
    const levels = this.contours.map(({ level }) => level);
    return (2 * (Math.max(...levels) - Math.min(...levels))) / (this.high[0] - this.low[0]);
  }
}
