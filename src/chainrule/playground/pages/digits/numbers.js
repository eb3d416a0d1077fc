// Small things about numbers: their largest size, and how they are written.

/** The largest size of numbers. */
export function largest(values) {
  let found = 0;
  for (const value of values) found = Math.max(found, Math.abs(value));
  return found;
}

/** A number with so many decimals, with a true minus sign. */
export function written(value, decimals = 2) {
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A number as it is added to another: in brackets where it is below 0. */
export function signed(value, decimals = 2) {
  return value < 0 ? `(${written(value, decimals)})` : written(value, decimals);
}

/** A share as people write it: "97 %", "0.4 %". */
export function percent(share) {
  const whole = 100 * share;
  return `${whole.toFixed(whole >= 0.05 && whole < 9.95 ? 1 : 0)} %`;
}

/** "1 map", "8 maps"; `many` where an s is not enough. */
export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
