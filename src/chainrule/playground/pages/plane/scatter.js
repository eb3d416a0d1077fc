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

/** The largest size of a label of the data, or 0. */
export function largestLabel(data) {
  let most = 0;
  for (const part of data ? [data.train, data.test] : []) for (const one of part.y) most = Math.max(most, Math.abs(one));
  return most;
}

function fill(pen, path, color, rings, number) {
  const paper = colorOf("--paper");
  if (rings) {
    pen.lineWidth = 3.6;
    pen.strokeStyle = paper;
    pen.stroke(path);
    pen.lineWidth = 1.7;
    pen.strokeStyle = color;
    pen.stroke(path);
    return;
  }
  pen.lineWidth = number ? 2.2 : 2;
  pen.strokeStyle = number ? colorOf("--ink") : paper;
  pen.stroke(path);
  pen.fillStyle = color;
  pen.fill(path);
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
