// A rectangle of coloured cells: a confusion matrix, an image of weights, a saliency.

import { element } from "./controls.js";
import { crisp, lettering } from "./crisp.js";
import { bytesOf, colorOf, inkOn, paint, table } from "./palette.js";
import { figure } from "./ticks.js";

const EDGE = 22; // pixels for names
const TITLE = 16; // and for what they are

/**
 * Cells in `container`, with `show({values, shape, low, high})`; `side` is the height of them all.
 *
 * `rows` and `columns` are names at the edges, under `rowTitle` and `columnTitle`; `numbers` writes
 * the values into the cells. Bytes are taken as they are, other numbers from `low` to `high`.
 */
export function heatMap(
  container,
  { label, palette = "diverging", side = 160, rows = [], columns = [], numbers = false, rowTitle = "", columnTitle = "" },
) {
  const box = element("div", { class: "chart-box" });
  const cells = document.createElement("canvas");
  let shown = null;
  let at = null; // the cell that is read
  const readout = element("div", { class: "chart-readout", hidden: true });
  const { canvas, redraw, describe } = crisp(box, side, label, (pen, width) => draw(pen, areaOf(width)));
  box.append(readout);
  container.append(box);
  canvas.tabIndex = 0;
  canvas.addEventListener("pointermove", (event) => read(cellAt(event.offsetX, event.offsetY)));
  canvas.addEventListener("pointerleave", () => read(null));
  canvas.addEventListener("blur", () => read(null));
  canvas.addEventListener("keydown", key);

  function areaOf(width) {
    const left = (rows.length ? EDGE : 0) + (rowTitle ? TITLE : 0);
    const top = (columns.length ? EDGE : 0) + (columnTitle ? TITLE : 0);
    const [down, across] = shown?.shape ?? [1, 1];
    const size = Math.min((width - left) / across, (side - top) / down);
    return { left, top, size, down, across, wide: size * across, high: size * down };
  }

  function draw(pen, area) {
    if (!shown) return;
    const pixels = table(palette);
    paint(cells, shown.bytes, area.down, area.across, pixels);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(cells, area.left, area.top, area.wide, area.high);
    edges(pen, area);
    if (numbers) figures(pen, area, pixels);
    if (at) {
      pen.strokeStyle = colorOf("--ink");
      pen.lineWidth = 2;
      pen.strokeRect(area.left + at[1] * area.size + 1, area.top + at[0] * area.size + 1, area.size - 2, area.size - 2);
    }
  }

  function edges(pen, { left, top, size, wide, high }) {
    pen.fillStyle = colorOf("--soft");
    lettering(pen, { size: 11, align: "center" });
    columns.forEach((name, i) => pen.fillText(name, left + (i + 0.5) * size, top - EDGE / 2));
    if (columnTitle) pen.fillText(columnTitle, left + wide / 2, TITLE / 2);
    rows.forEach((name, i) => pen.fillText(name, left - EDGE / 2, top + (i + 0.5) * size));
    if (!rowTitle) return;
    pen.save();
    pen.translate(TITLE / 2, top + high / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(rowTitle, 0, 0);
    pen.restore();
  }

  function figures(pen, { left, top, size, across }, pixels) {
    lettering(pen, { size: Math.min(11, size * 0.5), align: "center" });
    shown.values.forEach((value, i) => {
      if (!value) return;
      pen.fillStyle = inkOn(pixels[shown.bytes[i]]);
      pen.fillText(value, left + ((i % across) + 0.5) * size, top + (Math.floor(i / across) + 0.5) * size);
    });
  }

  function cellAt(x, y) {
    const { left, top, size, down, across } = areaOf(canvas.clientWidth);
    const [row, column] = [Math.floor((y - top) / size), Math.floor((x - left) / size)];
    return row >= 0 && row < down && column >= 0 && column < across ? [row, column] : null;
  }

  function key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Escape: null };
    if (!(event.key in moves) || !shown || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const move = moves[event.key];
    const [row, column] = at ?? [0, 0];
    const within = (value, most) => Math.max(0, Math.min(most - 1, value));
    read(move && [within(row + (at ? move[0] : 0), shown.shape[0]), within(column + (at ? move[1] : 0), shown.shape[1])]);
  }

  function read(cell) {
    if (String(cell) === String(at)) return;
    at = shown ? cell : null;
    tell();
    redraw();
  }

  function tell() {
    readout.hidden = !at;
    if (!at) return;
    const [row, column] = at;
    const value = figure(shown.values[row * shown.shape[1] + column]);
    const name = (title, names, i) => `${title || "row"} ${names[i] ?? i}`;
    readout.textContent = `${name(rowTitle, rows, row)}, ${name(columnTitle || "column", columns, column)}: ${value}`;
  }

  return {
    element: box,
    canvas,
    show({ values, shape, low, high }) {
      shown = { values, shape, bytes: bytes(values, palette, low, high) };
      redraw();
      tell();
      describe(`${label}: ${shape[0]} rows, ${shape[1]} columns`);
    },
  };
}

function bytes(values, palette, low, high) {
  if (values instanceof Uint8Array) return values;
  const finite = values.filter(isFinite);
  let [least, most] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  if (palette === "diverging") {
    most = Math.max(most, -least);
    least = -most;
  }
  return bytesOf(values, low ?? least, high ?? most);
}
