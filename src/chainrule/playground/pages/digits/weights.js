// The weights of the first layer as images: a unit's weights, or a kernel.

import { element } from "../shared/controls.js";
import { onScheme } from "../shared/palette.js";
import { counted, written } from "./numbers.js";
import { drawSheet } from "./sheet.js";

const ACROSS = 480; // pixels
const MOST = 64;

/** The images in `box`; the function that is returned shows a frame's. */
export function weightImages(box) {
  const canvas = element("canvas", { role: "img", class: "sheet", width: 472, height: 234 });
  const note = element("p", { class: "note" }, "\u00a0");
  let last = null;
  box.append(canvas, note);
  onScheme(draw);

  function draw() {
    if (!last) return;
    const [all, height, width] = last.images.shape;
    const count = Math.min(all, MOST);
    drawSheet(canvas, last.images, { count, height, width, ...layout(count, width), gap: 3 });
  }
  return (weights) => {
    last = weights;
    draw();
    const [count, height, width] = weights.images.shape;
    const most = Math.max(...weights.limit);
    const text = `${counted(Math.min(count, MOST), "image")} of ${height} × ${width}; the largest weight is ${written(most)} in size. Blue is above 0, orange below.`;
    if (note.textContent === text) return;
    note.textContent = text;
    canvas.setAttribute("aria-label", `Weights of the first layer, ${weights.name}: ${text}`);
  };
}

// Columns that fill the width, at a whole number of pixels a weight.
function layout(count, width) {
  const columns = Math.min(count, width > 12 ? 8 : 16);
  return { columns, scale: Math.max(1, Math.min(12, Math.floor((ACROSS / columns - 3) / width))) };
}
