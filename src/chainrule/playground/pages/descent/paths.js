// Where each optimiser is at a time, from the paths of a frame.

/** The point of a path at a time, between two steps in a straight line; an array of coordinates. */
export function pointAt(path, dims, time) {
  const last = path.value.length - 1;
  const from = Math.min(Math.floor(time), last);
  const to = Math.min(from + 1, last);
  const share = Math.min(time, last) - from;
  return Array.from({ length: dims }, (_, i) => {
    const [a, b] = [path.x[from * dims + i], path.x[to * dims + i]];
    return a + share * (b - a);
  });
}

/** The point at a whole step. */
export function pointOf(path, dims, step) {
  return Array.from(path.x.subarray(step * dims, (step + 1) * dims));
}

/** How many steps the longest path has. */
export function longest(paths) {
  return Math.max(...Object.values(paths).map(({ value }) => value.length - 1));
}

/** The height of a path at a time, likewise. */
export function heightAt(path, time) {
  const last = path.value.length - 1;
  const from = Math.min(Math.floor(time), last);
  const share = Math.min(time, last) - from;
  return path.value[from] + share * (path.value[Math.min(from + 1, last)] - path.value[from]);
}
