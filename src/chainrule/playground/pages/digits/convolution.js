// The arithmetic of one map of a convolution, from plain arrays: what lies under the window, times
// the kernel, summed up. Knows numbers, no page.
//
// Given are `input` [height, width], `kernel` [k, k], `bias`, `padding` (zeros on every side) and
// `output` as the network computed it; the window moves by one pixel.

/** What happens at one pixel of the output: patch, products, their sum, and the pixel's value. */
export function windowAt({ input, kernel, bias, padding, output }, at) {
  const [height, width] = input.shape;
  const side = kernel.shape[1];
  const [row, column] = [Math.floor(at / output.shape[1]), at % output.shape[1]];
  const patch = Array.from(kernel, (_, i) => {
    const [y, x] = [row - padding + Math.floor(i / side), column - padding + (i % side)];
    return y >= 0 && y < height && x >= 0 && x < width ? input[y * width + x] : 0;
  });
  const products = patch.map((value, i) => value * kernel[i]);
  const sum = products.reduce((total, product) => total + product, 0);
  return { row, column, patch, products, sum, value: sum + bias };
}

/** The input with its padding. */
export function padded({ input, padding }) {
  const [height, width] = input.shape;
  const made = new Float32Array((height + 2 * padding) * (width + 2 * padding));
  for (let y = 0; y < height; y++) {
    made.set(input.subarray(y * width, (y + 1) * width), (y + padding) * (width + 2 * padding) + padding);
  }
  made.shape = [height + 2 * padding, width + 2 * padding];
  return made;
}
