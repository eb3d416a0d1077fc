// A square of the plane within a canvas, with axes: from its coordinates to pixels and back.

import { lettering } from "../shared/crisp.js";
import { colorOf } from "../shared/palette.js";
import { evenTicks, tickText } from "../shared/ticks.js";

const LEFT = 34;
const BOTTOM = 32;
const EDGE = 5;

/** The square that fits a canvas, for a plane from `-span` to `span` both ways. */
export class Plot {
  constructor(width, height, span) {
    this.size = Math.max(Math.min(width - LEFT - EDGE, height - BOTTOM - EDGE), 10);
    Object.assign(this, { left: LEFT, top: EDGE, span });
  }

  x(x) {
    return this.left + ((x + this.span) / (2 * this.span)) * this.size;
  }

  y(y) {
    return this.top + ((this.span - y) / (2 * this.span)) * this.size;
  }

  /** The place of the plane at pixels, as the nearest within the square. */
  placeAt(left, top) {
    const across = ((left - this.left) / this.size) * 2 - 1;
    const up = 1 - ((top - this.top) / this.size) * 2;
    return { x: within(across) * this.span, y: within(up) * this.span };
  }

  /** Pixels of a length in the plane. */
  length(distance) {
    return (distance / (2 * this.span)) * this.size;
  }

  /** Keep what is drawn by `work` inside of the square. */
  inside(pen, work) {
    pen.save();
    pen.beginPath();
    pen.rect(this.left, this.top, this.size, this.size);
    pen.clip();
    work();
    pen.restore();
  }

  /** The frame, ticks in the units of the data, and the names of both axes. */
  drawAxes(pen, [across, up]) {
    const { left, top, size } = this;
    const bottom = top + size;
    pen.strokeStyle = colorOf("--soft");
    pen.fillStyle = colorOf("--soft");
    pen.lineWidth = 1;
    pen.strokeRect(left - 0.5, top - 0.5, size + 1, size + 1);
    lettering(pen, { size: 11, align: "center", baseline: "top" });
    for (const [at, text] of ticks(across)) {
      const x = left + at * size;
      pen.fillRect(x - 0.5, bottom, 1, 4);
      if (Math.abs(at - 0.5) > 0.16 || text.length < 3) pen.fillText(text, clampText(pen, text, x, left, left + size), bottom + 5);
    }
    lettering(pen, { size: 11, align: "right" });
    for (const [at, text] of ticks(up)) {
      const y = bottom - at * size;
      pen.fillRect(left - 4, y - 0.5, 4, 1);
      pen.fillText(text, left - 6, Math.min(Math.max(y, top + 5), bottom - 5));
    }
    pen.fillStyle = colorOf("--ink");
    lettering(pen, { size: 12, align: "center", baseline: "bottom" });
    pen.fillText(nameOfAxis(across), left + size / 2, bottom + BOTTOM);
    pen.save();
    pen.translate(1, top + size / 2);
    pen.rotate(-Math.PI / 2);
    lettering(pen, { size: 12, align: "center", baseline: "top" });
    pen.fillText(nameOfAxis(up), 0, 0);
    pen.restore();
  }
}

/** A coordinate of the plane in the units of the data. */
export function inUnits(value, axis, span) {
  return axis.low + ((value + span) / (2 * span)) * (axis.high - axis.low);
}

/** What a person calls an axis. */
export function nameOfAxis({ name }) {
  return { x1: "x₁", x2: "x₂" }[name] ?? name;
}

function ticks({ low, high }) {
  return evenTicks(low, high, 4).map((tick) => [(tick - low) / (high - low), tickText(tick).replace("-", "−")]);
}

// Texts at the ends stay within the picture.
function clampText(pen, text, x, left, right) {
  const half = pen.measureText(text).width / 2;
  return Math.min(Math.max(x, left + half - 8), right - half + 4);
}

function within(share) {
  return Math.min(Math.max(share, -1), 1);
}
