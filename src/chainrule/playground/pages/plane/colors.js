// Colours of the plane's maps beyond those that all pages share: chances of classes.

import { classRgb, isDark, onScheme, table } from "../shared/palette.js";

const FAINT = 0.08; // of a class's colour where the network does not know
const STRONG = 0.52; // and where it is sure

let kept = new Map();
onScheme(() => (kept = new Map()));

/** `[red, green, blue]` of a class; after the last the first comes again. */
export function classColor(index) {
  const at = (index % 8) * 3;
  return [...classRgb().subarray(at, at + 3)];
}

/** What stands for nothing in every map: zero, or a chance of none. */
export function nothing() {
  const pixel = table("diverging")[128];
  return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
}

/** The pixels for chances of a class from 0 to 255. */
export function chanceTable(index) {
  const place = index % 8;
  if (!kept.has(place)) {
    const [from, to] = [nothing(), classColor(place)];
    kept.set(place, Uint32Array.from({ length: 256 }, (_, byte) => packed(from.map((one, i) => one + ((to[i] - one) * byte) / 255))));
  }
  return kept.get(place);
}

/**
 * A function from the chances of all classes at a place to a pixel: their colours mixed, paler the
 * less sure; or, `discrete`, that of the likeliest.
 */
export function mixer(classes, discrete) {
  const colors = Array.from({ length: classes }, (_, k) => classColor(k));
  const paper = nothing();
  const strong = STRONG + (isDark() ? 0.04 : 0);
  return (chance, at, apart) => {
    let [best, sum, red, green, blue] = [0, 0, 0, 0, 0];
    for (let k = 0; k < classes; k++) {
      const share = chance[at + k * apart];
      if (share > chance[at + best * apart]) best = k;
      const weight = share * share; // the likeliest speaks loudest, so that no mixture is mud
      sum += weight;
      red += weight * colors[k][0];
      green += weight * colors[k][1];
      blue += weight * colors[k][2];
    }
    if (discrete) return blend(paper, colors[best], strong);
    if (!sum) return packed(paper);
    const top = chance[at + best * apart] / 255;
    const sure = classes > 1 ? Math.max((top - 1 / classes) / (1 - 1 / classes), 0) : 1;
    return blend(paper, [red / sum, green / sum, blue / sum], FAINT + (strong - FAINT) * sure);
  };
}

function blend(from, to, share) {
  return packed([0, 1, 2].map((i) => from[i] + (to[i] - from[i]) * share));
}

function packed([red, green, blue]) {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}
