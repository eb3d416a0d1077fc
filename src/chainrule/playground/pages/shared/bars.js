// A few upright bars with their names and numbers, such as ten probabilities.

import { element } from "./controls.js";
import { crisp, lettering } from "./crisp.js";
import { colorOf } from "./palette.js";

const LETTERS = 18; // pixels for a line of names or numbers

/**
 * Bars in `container`, with `show(values, {mark})`; `mark` is the bar that stands out.
 *
 * `names` stand below; values run from `low` to `high`, and hang below zero where `low` is less.
 */
export function barChart(
  container,
  { label, names, low = 0, high = 1, height = 110, color = "--first", places = 2 },
) {
  const box = element("div", { class: "chart-box" });
  let shown = { values: [], mark: null };
  const { redraw, describe, canvas } = crisp(box, height, label, (pen, width) => {
    const wide = width / names.length;
    const place = (value) => {
      const share = (Math.max(low, Math.min(high, value)) - low) / (high - low);
      return height - LETTERS - share * (height - 2 * LETTERS);
    };
    const zero = Math.round(place(Math.max(low, 0)));
    names.forEach((name, i) => bar(pen, { name, i, wide, zero, place }));
    pen.fillStyle = colorOf("--soft");
    pen.fillRect(0, zero, width, 1);
  });

  function bar(pen, { name, i, wide, zero, place }) {
    const [value, marked] = [shown.values[i], i === shown.mark];
    const middle = (i + 0.5) * wide;
    lettering(pen, { align: "center", weight: marked ? 700 : 400 });
    pen.fillStyle = colorOf(marked ? "--ink" : "--soft");
    pen.fillText(name, middle, height - LETTERS / 2 + 1);
    if (value === undefined || !isFinite(value)) return;
    const top = place(value);
    const text = value.toFixed(places);
    lettering(pen, { size: 11, align: "center", weight: marked ? 700 : 400 });
    if (pen.measureText(text).width < wide) pen.fillText(text, middle, Math.min(top, zero) - LETTERS / 2);
    pen.fillStyle = colorOf(color);
    pen.globalAlpha = marked || shown.mark === null ? 1 : 0.55;
    pen.fillRect(middle - wide * 0.36, Math.min(top, zero), wide * 0.72, Math.abs(zero - top));
    pen.globalAlpha = 1;
  }

  container.append(box);
  return {
    element: box,
    canvas,
    show(values, { mark = null } = {}) {
      shown = { values, mark };
      redraw();
      const said = names.map((name, i) => `${name} ${isFinite(values[i]) ? values[i].toFixed(places) : "–"}`);
      describe(`${label}: ${said.join(", ")}`);
    },
  };
}
