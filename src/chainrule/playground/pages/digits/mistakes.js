// The examples of the test set that the network gets most wrong: image, truth, what it said, how sure.

import { element } from "../shared/controls.js";
import { onScheme } from "../shared/palette.js";
import { percent } from "./numbers.js";
import { drawSheet } from "./sheet.js";

const MOST = 24;
const ABOUT = "What they are, what they were read as, and how sure the network was. Press one to see its way.";

/** The examples in `box`; the function that is returned shows a frame's. `choose` takes one that is pressed. */
export function mistakes(box, choose) {
  const cards = Array.from({ length: MOST }, () => card(choose));
  const list = element("ol", { class: "mistakes" }, ...cards.map((one) => one.box));
  const none = element("p", { class: "note" }, "They are shown when the test set has been read once.");
  box.append(none, list);
  let last = null;
  onScheme(() => last && show(last));

  function show(given) {
    last = given;
    const [count, height, width] = given.images.shape;
    const size = height * width;
    none.textContent = count ? ABOUT : "Nothing of the test set is read wrongly.";
    cards.forEach((one, i) => {
      one.box.classList.toggle("empty", i >= count);
      if (i < count) one.show(given.images.subarray(i * size, (i + 1) * size), { height, width }, given, i);
    });
  }
  return (given) => (last && same(last, given) ? null : show(given));
}

function card(choose) {
  const canvas = element("canvas", { "aria-hidden": "true", width: 28, height: 28 });
  const [truth, said, chance] = ["b", "b", "span"].map((tag) => element(tag, {}, "\u00a0")); // their room
  const words = element("span", { class: "visually-hidden" });
  const line = element("span", { class: "line", "aria-hidden": "true" }, truth, " → ", said);
  const button = element("button", { type: "button", onclick: () => choose(example) }, canvas, words, line, chance);
  let example = null;
  return {
    box: element("li", { class: "empty" }, button),
    show(image, size, given, i) {
      example = { row: given.rows[i], bytes: image, ...size };
      drawSheet(canvas, image, { ...size, colours: "ink" });
      words.textContent = `a ${given.truth[i]}, read as a ${given.said[i]}, `;
      truth.textContent = given.truth[i];
      said.textContent = given.said[i];
      chance.textContent = percent(given.chance[i]);
    },
  };
}

function same(a, b) {
  if (a.images.length !== b.images.length) return false;
  return a.chance.every((chance, i) => chance === b.chance[i] && a.rows[i] === b.rows[i]);
}
