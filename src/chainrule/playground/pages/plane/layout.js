// Where the neurons of a network stand: columns for layers, from left to right. Knows no canvas.
//
// Everything fits into the box where it can; where it cannot, the field is larger than the box,
// and the box scrolls.

export const HEAD = 60; // pixels for the names and buttons above the columns
const FOOT = 12;
const LEFT = 62; // for the names of features
const RIGHT = 84; // for the names of classes
const LEAST_PITCH = 112;
const MOST_PITCH = 190;
const SMALLEST = 24;
const LARGEST = 50;

/** The places of all neurons that are shown, for `counts` of them in each layer. */
export function layout(counts, width, height) {
  const most = Math.max(...counts, 1);
  const room = (height - HEAD - FOOT) / most;
  const size = Math.round(clamp(room - 7, SMALLEST, LARGEST));
  const step = Math.max(size + 6, Math.min(room, size * 1.75));
  const gaps = Math.max(counts.length - 1, 1);
  const free = width - LEFT - RIGHT - size;
  const pitch = clamp(free / gaps, LEAST_PITCH, MOST_PITCH);
  const fieldWidth = Math.max(width, LEFT + RIGHT + size + pitch * gaps);
  const fieldHeight = Math.max(height, HEAD + FOOT + step * most);
  const first = LEFT + size / 2 + Math.max(free - pitch * gaps, 0) / 2;
  const middle = HEAD + (fieldHeight - HEAD - FOOT) / 2;
  const columns = counts.map((count, layer) => ({
    x: first + layer * pitch,
    ys: Array.from({ length: count }, (_, i) => middle + (i - (count - 1) / 2) * step),
  }));
  return { columns, size, step, pitch, width: fieldWidth, height: fieldHeight };
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
