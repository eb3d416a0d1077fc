// Weights as curves between neurons: width by size, colour and dashes by sign. Hit by the mouse.
//
// Curves of one sign and about one width are drawn as one path. Of many weights between two layers
// only the largest are drawn.

export const MOST = 256; // curves between two layers
const LEVELS = 8; // widths
const THINNEST = 0.6;
const THICKEST = 6.5; // between large neurons
const CLEAR = 100; // curves between two layers that do not hide each other
const NEAR = 7; // pixels from a curve at which it is hit
const DASH = [6, 4];

/** How the weights of a frame are drawn: which, and how wide. */
export class Wires {
  constructor() {
    this.gaps = [];
  }

  /** Take in the weights of a frame, for the places of the neurons. */
  place(weights, places) {
    this.places = places;
    // Below 1 the scale stays, so that a network that begins to learn is seen to grow.
    this.limit = weights.reduce((most, { weight }) => Math.max(most, largest(weight)), 1);
    this.gaps = weights.map(({ weight }, gap) => this.#chosen(weight, gap));
    this.omits = weights.some(({ weight }) => weight.length > MOST);
    this.thickest = Math.max(Math.min(places.size * 0.13, THICKEST), 3);
  }

  /** Draw what lies between `top` and `bottom` of the field; `lit(gap, out, in)` or `null`. */
  draw(context, colors, view, lit) {
    for (let gap = 0; gap < this.gaps.length; gap++) {
      const { left, right } = this.#ends(gap);
      if (right < view.left || left > view.right) continue;
      const alpha = Math.min(1, Math.sqrt(CLEAR / this.gaps[gap].length));
      if (!lit) this.#stroke(context, this.#paths(gap, view, () => true), colors, alpha);
      else {
        this.#stroke(context, this.#paths(gap, view, (out, into) => !lit(gap, out, into)), colors, 0.16 * alpha);
        this.#stroke(context, this.#paths(gap, view, (out, into) => lit(gap, out, into)), colors, 1);
      }
    }
    context.setLineDash([]);
  }

  /** One weight, with a rim. */
  drawOne(context, { gap, out, into }, color) {
    const path = new Path2D();
    this.#curve(path, gap, out, into);
    context.setLineDash([]);
    context.lineWidth = this.thickest + 5;
    context.strokeStyle = color;
    context.globalAlpha = 0.3;
    context.stroke(path);
    context.globalAlpha = 1;
  }

  /** The weight at a place of the field, as `{gap, out, into}`, or `null`. */
  at(x, y) {
    for (let gap = 0; gap < this.gaps.length; gap++) {
      const { left, right } = this.#ends(gap);
      if (x < left || x > right) continue;
      const share = this.#rise((x - left) / (right - left));
      let nearest = null;
      let least = NEAR;
      for (const { out, into } of this.gaps[gap]) {
        const from = this.places.columns[gap].ys[into];
        const off = Math.abs(from + (this.places.columns[gap + 1].ys[out] - from) * share - y);
        if (off < least) [least, nearest] = [off, { gap, out, into }];
      }
      return nearest;
    }
    return null;
  }

  #stroke(context, paths, colors, alpha) {
    for (const [bucket, path] of paths) {
      const share = Math.abs(bucket) / LEVELS;
      context.lineWidth = THINNEST + (this.thickest - THINNEST) * share;
      context.strokeStyle = bucket < 0 ? colors.minus : colors.plus;
      context.setLineDash(bucket < 0 ? DASH : []);
      context.globalAlpha = alpha * (0.3 + 0.65 * share);
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  #chosen(weight, gap) {
    const [outs, ins] = weight.shape;
    const rows = Math.min(outs, this.places.columns[gap + 1]?.ys.length ?? 0);
    const columns = Math.min(ins, this.places.columns[gap].ys.length);
    const floor = this.#floor(weight);
    const found = [];
    for (let out = 0; out < rows; out++) {
      for (let into = 0; into < columns; into++) {
        const value = weight[out * ins + into];
        if (Math.abs(value) < floor) continue;
        const level = Math.ceil((Math.abs(value) / this.limit) * LEVELS) || 1;
        found.push({ out, into, bucket: value < 0 ? -level : level });
      }
    }
    return found;
  }

  // The size from which weights are drawn, where there are too many.
  #floor(weight) {
    if (weight.length <= MOST) return 0;
    return Float32Array.from(weight, Math.abs).sort()[weight.length - MOST];
  }

  #paths(gap, view, wanted) {
    const paths = new Map();
    const [from, to] = [this.places.columns[gap].ys, this.places.columns[gap + 1].ys];
    for (const { out, into, bucket } of this.gaps[gap]) {
      if (Math.max(from[into], to[out]) < view.top || Math.min(from[into], to[out]) > view.bottom) continue;
      if (!wanted(out, into)) continue;
      if (!paths.has(bucket)) paths.set(bucket, new Path2D());
      this.#curve(paths.get(bucket), gap, out, into);
    }
    return paths;
  }

  #curve(path, gap, out, into) {
    const { left, right } = this.#ends(gap);
    const [from, to] = [this.places.columns[gap].ys[into], this.places.columns[gap + 1].ys[out]];
    const middle = (left + right) / 2;
    path.moveTo(left, from);
    path.bezierCurveTo(middle, from, middle, to, right, to);
  }

  #ends(gap) {
    const half = this.places.size / 2;
    return { left: this.places.columns[gap].x + half, right: this.places.columns[gap + 1].x - half };
  }

  // How far a curve has risen where it has gone a share of its way across. Its handles lie in the
  // middle, so that across is 1.5 t (1 - t) + t^3 and upwards 3 t^2 - 2 t^3, for all curves alike.
  #rise(across) {
    let [low, high] = [0, 1];
    for (let i = 0; i < 20; i++) {
      const t = (low + high) / 2;
      if (1.5 * t * (1 - t) + t ** 3 < across) low = t;
      else high = t;
    }
    return 3 * low ** 2 - 2 * low ** 3;
  }
}

function largest(values) {
  let most = 0;
  for (const value of values) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}
