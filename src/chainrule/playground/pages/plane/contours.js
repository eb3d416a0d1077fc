// Lines where a number on a square grid is at a level (marching squares).

/**
 * Add the line to a path. `valueAt(index)` is the number at a node, row after row from the top;
 * nodes are the middles of `side` by `side` cells of a square of `size` pixels at `left`, `top`.
 */
export function addContour(path, valueAt, side, level, { left, top, size }) {
  const cell = size / side;
  const place = (i) => Math.min(Math.max((i + 0.5) * cell, 0), size);
  const node = (i) => Math.min(Math.max(i, 0), side - 1);
  for (let row = -1; row < side; row++) {
    const [above, below] = [node(row) * side, node(row + 1) * side];
    const [y0, y1] = [top + place(row), top + place(row + 1)];
    for (let column = -1; column < side; column++) {
      const [before, after] = [node(column), node(column + 1)];
      const a = valueAt(above + before) - level;
      const b = valueAt(above + after) - level;
      const c = valueAt(below + after) - level;
      const d = valueAt(below + before) - level;
      if (a > 0 === b > 0 && b > 0 === c > 0 && c > 0 === d > 0) continue;
      const [x0, x1] = [left + place(column), left + place(column + 1)];
      const ends = [];
      if (a > 0 !== b > 0) ends.push([between(x0, x1, a, b), y0]);
      if (b > 0 !== c > 0) ends.push([x1, between(y0, y1, b, c)]);
      if (d > 0 !== c > 0) ends.push([between(x0, x1, d, c), y1]);
      if (a > 0 !== d > 0) ends.push([x0, between(y0, y1, a, d)]);
      for (let i = 0; i + 1 < ends.length; i += 2) {
        path.moveTo(...ends[i]);
        path.lineTo(...ends[i + 1]);
      }
    }
  }
}

/** For each class but the last, how far it is ahead of the likeliest other: zero on its borders. */
export function leads(chances, classes, side) {
  const count = side * side;
  return Array.from({ length: classes - 1 }, (_, k) => {
    const lead = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      let other = 0;
      for (let j = 0; j < classes; j++) {
        if (j !== k && chances[j * count + i] > other) other = chances[j * count + i];
      }
      lead[i] = chances[k * count + i] - other;
    }
    return smooth(lead, side);
  });
}

// Chances come in steps of a byte, which would make steps of the borders.
function smooth(values, side) {
  const last = side - 1;
  const across = values.map((one, i) => {
    const column = i % side;
    return 2 * one + values[column ? i - 1 : i] + values[column < last ? i + 1 : i];
  });
  return across.map((one, i) => 2 * one + (across[i - side] ?? one) + (across[i + side] ?? one));
}

function between(from, to, a, b) {
  return from + ((to - from) * a) / (a - b);
}
