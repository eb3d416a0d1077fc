// Points of the data in a picture of the plane: filled those of training, rings those of the test.

import { colorOf, table } from "../shared/palette.js";
import { classColor } from "./colors.js";
import { addMark } from "./marks.js";

const TONES = 16; // of numbers, each drawn as one path

/** Draw points `{x: [n, 2], y: [n]}`; `limit` is the size of a number with the full colour, 0 for classes. */
export function drawPoints(pen, plot, { x, y }, { limit = 0, rings = false }) {
  const radius = y.length > 1500 ? 2.2 : y.length > 600 ? 2.8 : 3.4;
  const paths = new Map();
  for (let i = 0; i < y.length; i++) {
    const tone = limit ? toneOf(y[i], limit) : y[i];
    if (!paths.has(tone)) paths.set(tone, new Path2D());
    addMark(paths.get(tone), limit ? 0 : tone, plot.x(x[2 * i]), plot.y(x[2 * i + 1]), radius);
  }
  for (const [tone, path] of paths) fill(pen, path, limit ? toneColor(tone) : rgbOf(classColor(tone)), rings, limit);
}

// An edge sets points apart from the field, and pale numbers from the paper.
function fill(pen, path, color, rings, number) {
  pen.lineWidth = rings ? 3.6 : number ? 1.4 : 1.8;
  pen.strokeStyle = colorOf(number ? "--soft" : "--paper");
  pen.stroke(path);
  if (rings) {
    pen.lineWidth = 1.8;
    pen.strokeStyle = color;
    pen.stroke(path);
  } else {
    pen.fillStyle = color;
    pen.fill(path);
  }
}

function toneOf(value, limit) {
  return Math.round(((Math.min(Math.max(value / limit, -1), 1) + 1) / 2) * TONES);
}

function toneColor(tone) {
  const pixel = table("diverging")[Math.round((tone / TONES) * 255)];
  return rgbOf([pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]);
}

function rgbOf([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}
