// The drawing on its way through the network: what goes in, with the saliency laid over it, and the
// values of each layer, vectors as strips and maps as small images.

import { element } from "../shared/controls.js";
import { bytesOf, onScheme, table } from "../shared/palette.js";
import { counted, largest, written } from "./numbers.js";
import { blended, drawSheet } from "./sheet.js";

const ACROSS = 460; // pixels that a layer's picture may be wide
const CELLS = 32; // units of a vector in a row
const PAUSE = 140; // milliseconds from layer to layer
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
    element(
      "p",
      { class: "note" },
      "Saliency: where a little more ink would speak for the likeliest digit (",
      element("span", { class: "for" }, "blue"),
      ") or against it (",
      element("span", { class: "against" }, "orange"),
      ").",
    ),
  );

  return (answer, about) => {
    input.show(answer);
    while (rows.length > answer.layers.length) rows.pop().box.remove();
    answer.layers.forEach((layer, i) => {
      if (!rows[i]) list.append((rows[i] = layerPicture()).box);
      rows[i].show(layer);
    });
    if (about.fresh && about.ended && about.strokes.length) flow([input.box, ...rows.map((row) => row.box)]);
  };
}

// One after the other they light up, from the input to the output.
function flow(boxes) {
  if (STILL.matches) return;
  boxes.forEach((box, i) =>
    box.animate([{ opacity: 0.15 }, { opacity: 1 }], { duration: 2 * PAUSE, delay: i * PAUSE, fill: "backwards", easing: "ease-out" }),
  );
}

function inputPicture() {
  const canvas = element("canvas", { role: "img", width: 28, height: 28 });
  let [answer, laid] = [null, true];
  onScheme(draw);

  function draw() {
    if (!answer) return;
    const [height, width] = answer.input.shape;
    drawSheet(canvas, answer.input, { height, width, colours: "ink" });
    if (laid) layOver(canvas, answer.saliency);
    canvas.setAttribute("aria-label", `The drawing as the network sees it, ${height} by ${width} pixels${laid ? ", with the saliency" : ""}`);
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

function layOver(canvas, saliency) {
  const context = canvas.getContext("2d");
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const [most, signs] = [largest(saliency), table("diverging")];
  if (!most) return;
  saliency.forEach((value, i) => (pixels[i] = blended(pixels[i], signs[value < 0 ? 0 : 255], 0.9 * Math.abs(value / most))));
  context.putImageData(image, 0, 0);
}

function layerPicture() {
  const name = element("span", { class: "name" });
  const size = element("span", { class: "soft" });
  const canvas = element("canvas", { role: "img" });
  let layer = null;
  onScheme(draw);

  function draw() {
    if (!layer || !canvas.isConnected) return;
    const limit = largest(layer.values);
    drawSheet(canvas, bytesOf(layer.values, -limit, limit), layout(layer.shape));
    canvas.setAttribute("aria-label", `Values of ${layer.name}, from ${written(-limit)} to ${written(limit)}`);
  }
  return {
    box: element("li", { class: "layer" }, element("p", {}, name, " ", size), canvas),
    show(one) {
      layer = one;
      name.textContent = layer.name;
      size.textContent = sizeOf(layer.shape);
      draw();
    },
  };
}

function sizeOf(shape) {
  if (shape.length < 3) return counted(shape[0], "value");
  return `${counted(shape[0], "map")} of ${shape[1]} × ${shape[2]}`;
}

// Maps in as few rows as they fit in without being tiny; units of a vector as squares.
function layout(shape) {
  if (shape.length < 3) {
    const columns = Math.min(shape[0], CELLS);
    const scale = Math.min(20, Math.floor(ACROSS / columns) - 1);
    return { count: shape[0], height: 1, width: 1, columns, scale, gap: 1 };
  }
  const [count, height, width] = shape;
  const columns = Math.min(count, width > 16 ? 8 : 16);
  const scale = Math.max(1, Math.min(3, Math.floor(ACROSS / (columns * (width + 2)))));
  return { count, height, width, columns, scale, gap: 3 };
}
