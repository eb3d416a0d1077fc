// Where the neurons of a network stand: columns for layers, from left to right. Knows no canvas.
//
// Everything fits into the box where it can; where it cannot, the field is larger than the box,
// and the box scrolls.

const FOOT = 12;
const NARROW = 480; // pixels of a box that has less room
// Pixels above the columns for names and buttons, beside them for the names of features and of
// classes, and between the middles of two; and of the largest neuron.
const USUAL = { head: 74, left: 62, right: 84, leastPitch: 120, largest: 50 };
const TIGHT = { head: 96, left: 34, right: 52, leastPitch: 76, largest: 38 };
const MOST_PITCH = 190;
const SMALLEST = 24;

/**
 * The places of all neurons that are shown, for `counts` of them in each layer: `columns` with `x`
 * and `ys` of the middles, `size` of a neuron, `head` above, room for names at `left` and `right`; whether all is `tight`.
 */
export function layout(counts, width, height) {
  const { head, left, right, leastPitch, largest } = width < NARROW ? TIGHT : USUAL;
  const most = Math.max(...counts, 1);
  const room = (height - head - FOOT) / most;
  const size = Math.round(clamp(room - 7, SMALLEST, largest));
  const step = Math.max(size + 6, Math.min(room, size * 1.75));
  const gaps = Math.max(counts.length - 1, 1);
  const free = width - left - right - size;
  const pitch = clamp(free / gaps, leastPitch, MOST_PITCH);
  const fieldWidth = Math.max(width, left + right + size + pitch * gaps);
  const fieldHeight = Math.max(height, head + FOOT + step * most);
  const first = left + size / 2 + Math.max(free - pitch * gaps, 0) / 2;
  const middle = head + (fieldHeight - head - FOOT) / 2;
  const columns = counts.map((count, layer) => ({
    x: first + layer * pitch,
    ys: Array.from({ length: count }, (_, i) => middle + (i - (count - 1) / 2) * step),
  }));
  return { columns, size, head, left: left - 10, right: right - 10, width: fieldWidth, height: fieldHeight, tight: width < NARROW };
}

/** The neuron at a place of the field, as `{layer, unit}`, or `null`. */
export function neuronAt(places, x, y) {
  const half = places.size / 2 + 2;
  const layer = places.columns.findIndex((column) => Math.abs(column.x - x) <= half);
  if (layer < 0) return null;
  const unit = places.columns[layer].ys.findIndex((middle) => Math.abs(middle - y) <= half);
  return unit < 0 ? null : { layer, unit };
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
