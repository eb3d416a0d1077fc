// Signs on buttons, drawn, so that they look the same whatever letters a machine has.

const SHAPES = {
  play: "M5 3.2v9.6L12.8 8z",
  pause: "M4.5 3h2.6v10H4.5zM8.9 3h2.6v10H8.9z",
  step: "M3.5 3.2v9.6L10 8zM10.6 3h2v10h-2z",
  epoch: "M1.8 3.2v9.6L6.9 8zM7 3.2v9.6L12.1 8zM12.4 3h2v10h-2z",
  anew: "M8 3a5 5 0 1 0 4.9 6h-1.9A3.2 3.2 0 1 1 8 4.8c.9 0 1.7.4 2.3 1L8.6 7.5H13V3.1l-1.4 1.4A5 5 0 0 0 8 3z",
  undo: "M6 2.5 1.8 6.5 6 10.5V7.9h3.2a2.3 2.3 0 0 1 0 4.6H5v1.6h4.2a3.9 3.9 0 0 0 0-7.8H6z",
  redo: "m10 2.5 4.2 4-4.2 4V7.9H6.8a2.3 2.3 0 0 0 0 4.6H11v1.6H6.8a3.9 3.9 0 0 1 0-7.8H10z",
  pen: "M11.4 1.6 14.4 4.6 5.8 13.2 1.9 14.1 2.8 10.2zM10.6 3.7 12.3 5.4 13.3 4.6 11.4 2.7z",
};
const SVG = "http://www.w3.org/2000/svg";

/** A sign as an SVG element; it says nothing to a screen reader, so the button has to. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}
