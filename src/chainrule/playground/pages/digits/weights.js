// The weights of the first layer as images: a unit's weights, or a kernel.

import { element } from "../shared/controls.js";
import { onScheme } from "../shared/palette.js";
import { counted, written } from "./numbers.js";
import { drawSheet } from "./sheet.js";

const ACROSS = 488; // pixels, of a whole row
const COLUMNS = 8;
const MOST = 64;

/** The images in `box`; `choose(i)` is called when one is clicked. What is returned shows a frame's. */
export function weightImages(box, choose) {
  const canvas = element("canvas", { role: "img", class: "sheet", width: 472, height: 472 });
  const note = element("p", { class: "note" }, "\u00a0");
  let last = null;
  box.append(canvas, note);
  onScheme(draw);
  canvas.addEventListener("click", (event) => {
    const one = last ? imageAt(canvas, event, Math.min(last.images.shape[0], MOST)) : -1;
    if (one >= 0) choose(one);
  });

  function draw() {
    if (!last) return;
    const [all, height, width] = last.images.shape;
    const count = Math.min(all, MOST);
    drawSheet(canvas, last.images, { count, height, width, ...layout(count, width), gap: 3 });
    canvas.style.width = `${(100 * Math.min(count, COLUMNS)) / COLUMNS}%`;
  }
  return (weights) => {
    last = weights;
    draw();
    const [count, height, width] = weights.images.shape;
    const most = Math.max(...weights.limit);
    const text =
      `${counted(Math.min(count, MOST), "image")} of ${height} × ${width}; the largest weight is ` +
      `${written(most)} in size. Blue is above 0, orange below; click one to see it at work.`;
    if (note.textContent === text) return;
    note.textContent = text;
    canvas.setAttribute("aria-label", `Weights of the first layer, ${weights.name}: ${text}`);
  };
}

// Which image lies under the mouse, or -1. With keys they are chosen from a list.
function imageAt(canvas, event, count) {
  const columns = Math.min(count, COLUMNS);
  const column = Math.floor((event.offsetX / canvas.clientWidth) * columns);
  const row = Math.floor((event.offsetY / canvas.clientHeight) * Math.ceil(count / columns));
  const one = row * columns + column;
  return one < count ? one : -1;
}

// Columns that fill the width, at a whole number of pixels a weight.
function layout(count, width) {
  return { columns: Math.min(count, COLUMNS), scale: Math.max(1, Math.floor((ACROSS / COLUMNS - 3) / width)) };
}
