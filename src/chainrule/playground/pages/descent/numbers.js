// Numbers of this page, as a person reads them.

import { figure } from "../shared/ticks.js";

/** A number, with a minus as long as a plus. */
export function told(value, places = 4) {
  return figure(value, places).replace("-", "−");
}

/** A place: one number, or several in brackets. */
export function place(point, places = 3) {
  const numbers = Array.from(point, (one) => told(one, places));
  return numbers.length > 1 ? `(${numbers.join(", ")})` : numbers[0];
}
