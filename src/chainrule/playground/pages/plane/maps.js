// From the bytes of maps to pixels.

/** The maps of one layer, one below the other in a strip, to be drawn at any size. */
export class Strip {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.side = this.count = 0;
  }

  /** Take in maps of shape `[count, side, side]`; `tables` has the colours of each. */
  paint(maps, tables) {
    const [count, side] = maps.shape;
    if (count !== this.count || side !== this.side) this.#make(count, side);
    const area = side * side;
    for (let k = 0; k < count; k++) {
      const colors = tables[k % tables.length];
      for (let i = k * area; i < (k + 1) * area; i++) this.pixels[i] = colors[maps[i]];
    }
    this.context.putImageData(this.image, 0, 0);
  }

  /** Draw the map of one unit into a square. */
  draw(context, unit, x, y, size) {
    if (unit >= this.count) return;
    const { side } = this;
    context.drawImage(this.canvas, 0, unit * side, side, side, x, y, size, size);
  }

  #make(count, side) {
    Object.assign(this, { count, side });
    this.canvas.width = side;
    this.canvas.height = Math.max(count * side, 1);
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(side, Math.max(count * side, 1));
    this.pixels = new Uint32Array(this.image.data.buffer);
  }
}

/** A square picture of pixels that are worked out one by one, to be drawn at any size. */
export class Raster {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.side = 0;
  }

  /** Take in a picture; `pixelAt(index)` says its packed colours, row after row. */
  paint(side, pixelAt) {
    if (side !== this.side) this.#make(side);
    for (let i = 0; i < this.pixels.length; i++) this.pixels[i] = pixelAt(i);
    this.context.putImageData(this.image, 0, 0);
  }

  draw(context, x, y, size) {
    if (this.side) context.drawImage(this.canvas, x, y, size, size);
  }

  #make(side) {
    this.side = this.canvas.width = this.canvas.height = side;
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(side, side);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }
}

/** Numbers on a square grid, between which lie those of a finer one (bilinear). */
export function finer(values, from, to, start = 0) {
  const found = new Float32Array(to * to);
  const places = Array.from({ length: to }, (_, i) => {
    const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.min(Math.floor(place), from - 2);
    return [low, place - low];
  });
  for (let row = 0; row < to; row++) {
    const [top, down] = places[row];
    for (let column = 0; column < to; column++) {
      const [left, right] = places[column];
      const at = start + top * from + left;
      const above = values[at] + (values[at + 1] - values[at]) * right;
      const below = values[at + from] + (values[at + from + 1] - values[at + from]) * right;
      found[row * to + column] = above + (below - above) * down;
    }
  }
  return found;
}
