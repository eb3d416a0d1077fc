// A canvas that is as sharp as the screen, as wide as its place, and drawn again when it has to be.

import { element } from "./controls.js";
import { onScheme } from "./palette.js";
import { seldom } from "./timing.js";

/**
 * A canvas of a fixed height at the end of `box`; `draw(pen, width, height)` is called with a pen
 * in CSS pixels. Returns the canvas, `redraw()`, and `describe(text)`, which is what a screen
 * reader says of the drawing; it changes once a second at most.
 */
export function crisp(box, height, label, draw) {
  const canvas = element("canvas", { class: "chart", role: "img", "aria-label": label, style: `height: ${height}px` });
  box.append(canvas);
  let width = 0;
  let asked = false;
  const describe = seldom((text) => canvas.setAttribute("aria-label", text));

  function redraw() {
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across) canvas.width = across;
    if (canvas.height !== down) canvas.height = down;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    draw(pen, width, height);
  }

  function soon() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      redraw();
    });
  }

  new ResizeObserver(([entry]) => {
    width = entry.contentRect.width;
    redraw();
  }).observe(canvas);
  onScheme(soon);
  return { canvas, redraw, describe };
}

/** The lettering of drawings. */
export function lettering(pen, { size = 12, weight = 400, align = "left", baseline = "middle" } = {}) {
  pen.font = `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif`;
  pen.textAlign = align;
  pen.textBaseline = baseline;
}
