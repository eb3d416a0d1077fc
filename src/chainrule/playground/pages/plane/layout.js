// Where the neurons of a network stand: columns for layers, from left to right. Knows no canvas.
//
// Everything fits into the box where it can; where it cannot, the field is larger than the box,
// and the box scrolls.

const FOOT = 12;
const NARROW = 480; // pixels of a box that has less room
// Pixels above the columns for names and buttons, between the middles of two, of the largest neuron.
const USUAL = { head: 74, leastPitch: 114, largest: 50 };
const TIGHT = { head: 96, leastPitch: 76, largest: 38 };
const MOST_PITCH = 190;
const SMALLEST = 24;

/**
 * The places of all neurons that are shown, for `counts` of them in each layer: `columns` with `x`
 * and `ys` of the middles, `size` of a neuron, `head` above; whether all is `tight`. Names need room at `left` and `right`.
 */
export function layout(counts, width, height, { left, right }) {
  const { head, leastPitch, largest } = width < NARROW ? TIGHT : USUAL;
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
  return { columns, size, head, left, right, width: fieldWidth, height: fieldHeight, tight: width < NARROW };
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
