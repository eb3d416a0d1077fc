// What each optimiser looks like, wherever it is drawn: a colour and a shape of its own.

import { classColors, colorOf } from "../shared/palette.js";

const SHAPES = {
  sgd: circle,
  momentum: square,
  nesterov: triangle,
  rmsprop: diamond,
  adagrad: turned(triangle),
  adam: star,
  adamw: cross,
};
const NAMES = Object.keys(SHAPES);

/** The colour of an optimiser. */
export function colorFor(name) {
  return classColors()[NAMES.indexOf(name)];
}

/** Draw an optimiser's mark around a point. */
export function drawMark(pen, name, x, y, radius) {
  pen.save();
  pen.translate(x, y);
  pen.beginPath();
  SHAPES[name](pen, radius);
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeStyle = colorOf("--raised"); // keeps it apart from what is beneath
  pen.stroke();
  pen.fillStyle = colorFor(name);
  pen.fill();
  pen.restore();
}

/** A small canvas with an optimiser's mark, for a legend. */
export function markOf(name, size = 18) {
  const canvas = document.createElement("canvas");
  const ratio = Math.max(2, devicePixelRatio || 1);
  canvas.width = canvas.height = size * ratio;
  canvas.style.width = canvas.style.height = `${size}px`;
  canvas.setAttribute("aria-hidden", "true");
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  drawMark(pen, name, size / 2, size / 2, size * 0.36);
  return canvas;
}

function circle(pen, radius) {
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
}

function square(pen, radius) {
  pen.rect(-0.85 * radius, -0.85 * radius, 1.7 * radius, 1.7 * radius);
}

function triangle(pen, radius) {
  polygon(pen, [0, 1, 2].map((i) => [1.15 * radius, -Math.PI / 2 + (2 * Math.PI * i) / 3]));
}

function diamond(pen, radius) {
  polygon(pen, [0, 1, 2, 3].map((i) => [1.15 * radius, (Math.PI * i) / 2]));
}

function star(pen, radius) {
  polygon(pen, Array.from({ length: 10 }, (_, i) => [(i % 2 ? 0.55 : 1.25) * radius, -Math.PI / 2 + (Math.PI * i) / 5]));
}

function cross(pen, radius) {
  const [far, near] = [1.05 * radius, 0.38 * radius];
  const corner = [
    [near, near],
    [near, far],
    [-near, far],
    [-near, near],
    [-far, near],
    [-far, -near],
    [-near, -near],
    [-near, -far],
    [near, -far],
    [near, -near],
    [far, -near],
    [far, near],
  ];
  pen.moveTo(...corner[0]);
  for (const point of corner.slice(1)) pen.lineTo(...point);
  pen.closePath();
}

function turned(shape) {
  return (pen, radius) => {
    pen.rotate(Math.PI);
    shape(pen, radius);
  };
}

function polygon(pen, corners) {
  corners.forEach(([radius, angle], i) => {
    pen[i ? "lineTo" : "moveTo"](radius * Math.cos(angle), radius * Math.sin(angle));
  });
  pen.closePath();
}
