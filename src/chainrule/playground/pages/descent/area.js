// The part of a drawing that shows the ground: from coordinates to pixels and back, and its axes.

import { lettering } from "../shared/crisp.js";
import { colorOf } from "../shared/palette.js";
import { evenTicks, tickText } from "../shared/ticks.js";

const MARGIN = { left: 44, right: 12, top: 10, bottom: 26 };

export class Area {
  /** Of a drawing so wide and high; `low` and `high` are [across, up]; `even` for one scale. */
  constructor(width, height, low, high, even = false) {
    this.low = low;
    this.high = high;
    const room = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const spans = [high[0] - low[0], high[1] - low[1]];
    const scale = [room[0] / spans[0], room[1] / spans[1]];
    if (even) scale[0] = scale[1] = Math.min(...scale);
    this.scale = scale;
    this.width = spans[0] * scale[0];
    this.height = spans[1] * scale[1];
    this.left = MARGIN.left + (room[0] - this.width) / 2;
    this.top = MARGIN.top + (room[1] - this.height) / 2;
  }

  place([x, y]) {
    return [this.left + (x - this.low[0]) * this.scale[0], this.top + this.height - (y - this.low[1]) * this.scale[1]];
  }

  /** The coordinates of a pixel; at the border if it is outside. */
  point(across, down) {
    const [x, y] = [(across - this.left) / this.width, (this.top + this.height - down) / this.height];
    return [x, y].map((share, i) => this.low[i] + Math.max(0, Math.min(1, share)) * (this.high[i] - this.low[i]));
  }

  contains(across, down) {
    const [x, y] = [across - this.left, down - this.top];
    return x >= -4 && x <= this.width + 4 && y >= -4 && y <= this.height + 4;
  }

  clip(pen) {
    pen.beginPath();
    pen.rect(this.left, this.top, this.width, this.height);
    pen.clip();
  }

  /** Numbers along both sides, with lines across the drawing if asked for. */
  axes(pen, { lines = false } = {}) {
    pen.lineWidth = 1;
    pen.strokeStyle = colorOf("--rule");
    pen.fillStyle = colorOf("--soft");
    lettering(pen, { size: 11, align: "center", baseline: "top" });
    for (const tick of evenTicks(this.low[0], this.high[0], Math.max(4, this.width / 80))) {
      const [x] = this.place([tick, 0]);
      if (lines) line(pen, x, this.top, x, this.top + this.height);
      pen.fillText(tickText(tick).replace("-", "−"), x, this.top + this.height + 7);
    }
    lettering(pen, { size: 11, align: "right" });
    for (const tick of evenTicks(this.low[1], this.high[1], Math.max(3, this.height / 70))) {
      const [, y] = this.place([0, tick]);
      if (lines) line(pen, this.left, y, this.left + this.width, y);
      pen.fillText(tickText(tick).replace("-", "−"), this.left - 7, y);
    }
    pen.strokeRect(this.left - 0.5, this.top - 0.5, this.width + 1, this.height + 1);
  }
}

function line(pen, x, y, toX, toY) {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(toX, toY);
  pen.stroke();
}
