// The colours of drawings: tables from numbers to pixels, classes, and what the style sheets say.
//
// Blue and orange, and the first six classes, are those of every picture of the library. The eight
// classes stand out from white and from near-black by 3 to 1, and stay apart for the colour-blind.

const CLASSES = ["#0072b2", "#d55e00", "#8f43f0", "#0a9396", "#c1835f", "#6b6b3a", "#9682fa", "#aa4664"];

// From 0 to 255; the paper of drawings is in the middle of the first table and begins the others.
const STOPS = {
  light: {
    diverging: ["#d55e00", "#f0b083", "#f7f7f7", "#86bbdd", "#0072b2"],
    heat: ["#f7f7f7", "#86bbdd", "#0072b2", "#003a5c"],
    ink: ["#ffffff", "#1b1f24"],
  },
  dark: {
    diverging: ["#f58a3f", "#8a4a1e", "#1e2329", "#1f5379", "#58ace6"],
    heat: ["#1e2329", "#1f5379", "#58ace6", "#cfe8fa"],
    ink: ["#14171b", "#e4e6e9"],
  },
};

const scheme = matchMedia("screen and (prefers-color-scheme: dark)");
const told = [];
const kept = new Map(); // tables and variables of the scheme of now

scheme.addEventListener("change", () => {
  kept.clear();
  for (const show of told) show(scheme.matches);
});

/** Whether the page is dark. */
export function isDark() {
  return scheme.matches;
}

/** Call `show(dark)` now, and whenever the page becomes light or dark. */
export function onScheme(show) {
  told.push(show);
  show(scheme.matches);
}

/** The colours of eight classes as CSS has them. */
export function classColors() {
  return CLASSES;
}

/** The same as red, green, blue in a row. */
export function classRgb() {
  return Uint8Array.from(CLASSES.flatMap(rgb));
}

/** What a variable of the style sheets says now; `name` may be "--ink", "var(--ink)" or a colour. */
export function colorOf(name) {
  const variable = /--[\w-]+/.exec(name)?.[0];
  if (!variable) return name;
  return keep(variable, () => getComputedStyle(document.documentElement).getPropertyValue(variable).trim());
}

/** The pixels for 0 to 255: "diverging", "heat" or "ink". */
export function table(name) {
  return keep(name, () => pixels(STOPS[isDark() ? "dark" : "light"][name]));
}

/** Show bytes as the pixels of a canvas, row by row from the top; style sheets give it its size. */
export function paint(canvas, bytes, height, width, pixelsOf) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = pixelsOf[bytes[i]];
  pen.putImageData(image, 0, 0);
}

/** Numbers as bytes: `low` and less is 0, `high` and more is 255; what is no number is the middle. */
export function bytesOf(values, low, high) {
  const scale = high > low ? 255 / (high - low) : 0;
  return Uint8Array.from(values, (value) => {
    if (!isFinite(value)) return 128;
    return scale ? Math.max(0, Math.min(255, Math.round((value - low) * scale))) : 128;
  });
}

function keep(name, make) {
  if (!kept.has(name)) kept.set(name, make());
  return kept.get(name);
}

// Between the stops evenly; as words, red in the lowest byte, as image data has them.
function pixels(stops) {
  const colors = stops.map(rgb);
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (stops.length - 1);
    const from = Math.min(Math.floor(place), stops.length - 2);
    const [r, g, b] = colors[from].map((one, c) => Math.round(one + (place - from) * (colors[from + 1][c] - one)));
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
}

function rgb(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}
