// The image on its way through the network: what goes in, with the saliency laid over it, and the
// values of each layer, vectors as strips and maps as small images.

import { element } from "../shared/controls.js";
import { bytesOf, onScheme, table } from "../shared/palette.js";
import { largest, written } from "./numbers.js";
import { blended, drawSheet } from "./sheet.js";

const CELLS = 32; // units of a vector in a row
const MOST = { units: 256, maps: 32 }; // that are shown
const PAUSE = 140; // milliseconds from layer to layer
const SALIENCY =
  "Saliency: the stronger the orange, the more a little ink there changes the score of the likeliest digit.";
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** The way in `box`; the function that is returned shows an answer. */
export function way(box) {
  const input = inputPicture();
  const rows = [];
  const list = element("ol", { class: "layers" });
  const switchBox = element("input", { type: "checkbox", checked: true, onchange: () => input.lay(switchBox.checked) });
  box.append(
    element(
      "div",
      { class: "way" },
      element("div", { class: "input" }, input.box, element("label", { class: "tick" }, switchBox, "saliency")),
      list,
    ),
    element("p", { class: "note" }, SALIENCY),
  );

  return (answer, about) => {
    input.show(answer);
    while (rows.length > answer.layers.length) rows.pop().box.remove();
    answer.layers.forEach((layer, i) => {
      if (!rows[i]) list.append((rows[i] = layerPicture()).box);
      rows[i].show(layer);
    });
    if (about.fresh && about.ended && !about.blank) flow([input.box, ...rows.map((row) => row.box)]);
  };
}

// One after the other they light up, from the input to the output.
function flow(boxes) {
  if (STILL.matches) return;
  const timing = { duration: 2 * PAUSE, fill: "backwards", easing: "ease-out" };
  boxes.forEach((box, i) => box.animate([{ opacity: 0.15 }, { opacity: 1 }], { ...timing, delay: i * PAUSE }));
}

function inputPicture() {
  const canvas = element("canvas", { role: "img", width: 28, height: 28 });
  let [answer, laid] = [null, true];
  onScheme(draw);

  function draw() {
    if (!answer) return;
    const [height, width] = answer.input.shape;
    const over = laid ? laidOver(answer.saliency) : undefined;
    drawSheet(canvas, answer.input, { height, width, colours: "ink", over });
    const size = `${height} by ${width} pixels${laid ? ", with the saliency" : ""}`;
    canvas.setAttribute("aria-label", `The image as the network sees it, ${size}`);
    canvas.dataset.laid = laid;
  }
  return {
    box: element("figure", {}, canvas, element("figcaption", {}, "as the network sees it")),
    show(one) {
      answer = one;
      draw();
    },
    lay(whether) {
      laid = whether;
      draw();
    },
  };
}

function laidOver(saliency) {
  const [most, [orange]] = [largest(saliency) || 1, table("diverging")];
  return (word, i) => blended(word, orange, 0.85 * (saliency[i] / most) ** 1.5);
}

function layerPicture() {
  const name = element("span", { class: "name" });
  const rest = element("span", { class: "soft" });
  const canvas = element("canvas", { role: "img" });
  let layer = null;
  onScheme(draw);

  function draw() {
    if (!layer || !canvas.isConnected) return;
    const limit = largest(layer.values) || 1;
    const laid = layout(layer.shape);
    drawSheet(canvas, bytesOf(layer.values, -limit, limit), laid);
    canvas.style.width = `${share(layer.shape, laid.columns)}%`;
    canvas.setAttribute("aria-label", `Values of ${layer.name}, from ${written(-limit)} to ${written(limit)}`);
  }
  return {
    box: element("li", { class: "layer" }, element("p", {}, name, " ", rest), canvas),
    show(one) {
      layer = one;
      name.textContent = layer.name;
      rest.textContent = leftOut(layer.shape);
      draw();
    },
  };
}

function leftOut([all, ...size]) {
  const most = size.length ? MOST.maps : MOST.units;
  return all > most ? `(the first ${most} are shown)` : "";
}

// Units of a vector as squares, maps in rows of eight or sixteen.
function layout(shape) {
  const [all, height = 1, width = 1] = shape;
  if (shape.length < 3) {
    const count = Math.min(all, MOST.units);
    return { count, height, width, columns: Math.min(count, CELLS), scale: 10, gap: 1 };
  }
  const count = Math.min(all, MOST.maps);
  const columns = count > 16 ? 16 : 8;
  return { count, height, width, columns: Math.min(count, columns), scale: height < 14 ? 2 : 1, gap: height < 14 ? 4 : 2 };
}

// Of the panel's width: rows that are full fill it, few are not blown up.
function share(shape, columns) {
  if (shape.length < 3) return Math.min(100, 100 * Math.max(columns / CELLS, columns / 16));
  return (100 * columns) / (columns > 8 ? 16 : 8);
}
