// A sheet of small pictures on one canvas, in rows; each number becomes a square of pixels.

import { table } from "../shared/palette.js";

/**
 * Draw `count` pictures of `height` x `width` bytes. `columns` are in a row, `gap` pixels lie between
 * them, and each byte is `scale` pixels wide. Nothing is drawn where there is no picture. `over(word,
 * i)` may change the pixel of the byte `i`.
 */
export function drawSheet(
  canvas,
  bytes,
  { count = 1, height, width, columns = count, gap = 0, scale = 1, colours = "diverging", over = (word) => word },
) {
  const rows = Math.ceil(count / columns);
  const [high, wide] = [height * scale + gap, width * scale + gap];
  resize(canvas, columns * wide - gap, rows * high - gap);
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const words = table(colours);
  for (let one = 0; one < count; one++) {
    const [top, left] = [Math.floor(one / columns) * high, (one % columns) * wide];
    for (let y = 0; y < height * scale; y++) {
      const line = (one * height + Math.floor(y / scale)) * width;
      const start = (top + y) * canvas.width + left;
      for (let x = 0; x < width * scale; x++) {
        const i = line + Math.floor(x / scale);
        pixels[start + x] = over(words[bytes[i]], i);
      }
    }
  }
  context.putImageData(image, 0, 0);
}

/** A pixel between two, `share` of the way. */
export function blended(from, to, share) {
  let word = 255 << 24;
  for (const shift of [0, 8, 16]) {
    const [a, b] = [(from >> shift) & 255, (to >> shift) & 255];
    word |= Math.round(a + (b - a) * share) << shift;
  }
  return word >>> 0;
}

function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
