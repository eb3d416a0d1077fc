// Small pictures of data: points in the colours of their classes, or of their numbers.

import { classColors, onScheme, table } from "../shared/palette.js";

/** Draw points `{x: n by 2, y: n, kind}` on a canvas, in the colours of the scheme, now and when it changes. */
export function drawThumb(canvas, { x, y, kind }) {
  const span = Math.max(...x.map(Math.abs), 1e-6) * 1.08;
  onScheme(() => {
    const context = canvas.getContext("2d");
    const color = kind === "number" ? colorsOfNumbers(y) : colorsOfClasses(y);
    const half = canvas.width / 2;
    const radius = canvas.width / (kind === "number" ? 20 : 30); // numbers near 0 are pale
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < y.length; i++) {
      context.fillStyle = color(i);
      context.beginPath();
      context.arc(half * (1 + x[2 * i] / span), half * (1 - x[2 * i + 1] / span), radius, 0, 2 * Math.PI);
      context.fill();
    }
  });
}

function colorsOfClasses(y) {
  const colors = classColors();
  return (i) => colors[y[i] % colors.length];
}

function colorsOfNumbers(y) {
  const limit = Math.max(...y.map(Math.abs), 1e-6);
  const colors = table("diverging");
  return (i) => {
    const rgba = colors[Math.round(127.5 + (127.5 * y[i]) / limit)];
    return `rgb(${rgba & 255} ${(rgba >> 8) & 255} ${(rgba >> 16) & 255})`;
  };
}
