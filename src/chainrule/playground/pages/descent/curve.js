// A curve, seen from the side: its line, places on it, and its tangent.

import { colorOf } from "../shared/palette.js";
import { Area } from "./area.js";

const ABOVE = 0.06; // of the heights, left free above and below

export class Curve {
  constructor({ grid, low, high }) {
    this.grid = grid;
    [this.left, this.right] = [low[0], high[0]];
    [this.least, this.most] = [Math.min(...grid), Math.max(...grid)];
  }

  layOut(width, height) {
    const free = ABOVE * (this.most - this.least);
    this.area = new Area(width, height, [this.left, this.least - free], [this.right, this.most + free]);
  }

  drawGround(pen) {
    this.area.axes(pen, { lines: true });
    const outline = new Path2D();
    this.grid.forEach((height, i) => {
      const x = this.left + (i / (this.grid.length - 1)) * (this.right - this.left);
      outline.lineTo(...this.area.place([x, height]));
    });
    const filled = new Path2D(outline);
    filled.lineTo(this.area.left + this.area.width, this.area.top + this.area.height);
    filled.lineTo(this.area.left, this.area.top + this.area.height);
    pen.fillStyle = colorOf("--band");
    pen.globalAlpha = 0.8;
    pen.fill(filled);
    pen.globalAlpha = 1;
    pen.strokeStyle = colorOf("--soft");
    pen.lineWidth = 2;
    pen.stroke(outline);
  }

  /** The height over a coordinate, between two nodes in a straight line. */
  heightOver(x) {
    const at = ((x - this.left) / (this.right - this.left)) * (this.grid.length - 1);
    const from = Math.max(0, Math.min(this.grid.length - 2, Math.floor(at)));
    return this.grid[from] + (at - from) * (this.grid[from + 1] - this.grid[from]);
  }

  /** Where a ball is drawn; `height` where it is known better than from the grid. */
  place([x], height = this.heightOver(x)) {
    return this.area.place([x, height]);
  }

  /** The coordinates of a pixel. */
  point(across, down) {
    return [this.area.point(across, down)[0]];
  }

  /** Slope at a point: the tangent, and which way is down. */
  drawSlope(pen, [x], { value, gradient }) {
    const [slope] = gradient;
    const reach = (this.right - this.left) / 9;
    const [from, to] = [-reach, reach].map((off) => this.area.place([x + off, value + slope * off]));
    pen.strokeStyle = colorOf("--ink");
    pen.lineWidth = 1.5;
    pen.setLineDash([4, 3]);
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    pen.setLineDash([]);
    return slope ? { from: this.area.place([x, value]), to: slope > 0 ? from : to } : null;
  }
}
