// Round numbers along an axis, and numbers as a person reads them. Knows no drawing.

/** About `count` round numbers within a range, evenly apart. */
export function evenTicks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough * 0.999) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step));
}

/** Round numbers within a range for a logarithmic scale: powers of ten, and between them if few. */
export function logTicks(low, high, count) {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const between = to - from <= 2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((to - from) / Math.max(count, 1)));
  const found = [];
  for (let power = from; power <= to; power += every) {
    for (const one of between) found.push(clean(one * 10 ** power));
  }
  return found.filter((one) => one >= low * 0.999 && one <= high * 1.001);
}

/** A number of an axis. */
export function tickText(value) {
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential().replace("e+", "e");
  return size >= 1e4 ? `${clean(value / 1000)}k` : String(clean(value));
}

/** A number that was measured, to so many places that matter. */
export function figure(value, places = 3) {
  if (value == null || !isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return value.toLocaleString("en");
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(places - 1).replace("e+", "e");
  if (size >= 10 ** places) return Math.round(value).toLocaleString("en");
  return value.toPrecision(places);
}

function clean(value) {
  return Number(value.toPrecision(12));
}
