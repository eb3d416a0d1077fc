// The confusion matrix: rows are what the digits are, columns what the network takes them for.
//
// A table of numbers that can be walked through with the arrow keys; the cell under the mouse or in
// focus is said in a sentence below.

import { element } from "../shared/controls.js";

const DIGITS = Array.from({ length: 10 }, (_, digit) => digit);
const NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The table in `box`; the function that is returned shows the counts. */
export function confusion(box) {
  const cells = DIGITS.map((truth) => DIGITS.map((said) => cell(truth, said)));
  const hint = "Point at a number, or walk there with Tab and the arrow keys.";
  const sentence = element("p", { class: "sentence", "aria-live": "polite" }, hint);
  let counts = null;
  let at = null;

  const corner = element("th", { scope: "col", class: "corner" }, "is \\ read as");
  const head = element("tr", {}, corner, ...DIGITS.map((said) => element("th", { scope: "col" }, String(said))));
  const body = DIGITS.map((truth) => element("tr", {}, element("th", { scope: "row" }, String(truth)), ...cells[truth]));
  const table = element(
    "table",
    { class: "confusion", "aria-label": "Digits of the test set: rows are what they are, columns what they are read as" },
    element("thead", {}, head),
    element("tbody", {}, ...body),
  );
  table.addEventListener("pointerover", (event) => tell(event.target));
  table.addEventListener("focusin", (event) => tell(event.target));
  table.addEventListener("keydown", walk);
  cells[0][0].tabIndex = 0;
  box.append(table, sentence);

  function tell(target) {
    if (!target.dataset.truth) return;
    at = [Number(target.dataset.truth), Number(target.dataset.said)];
    if (counts) sentence.textContent = inWords(counts, ...at);
  }

  function walk(event) {
    const way = WAYS[event.key];
    const from = event.target.dataset;
    if (!way || !from.truth) return;
    const next = cells[inside(Number(from.truth) + way[0])][inside(Number(from.said) + way[1])];
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  }

  return (given) => {
    if (counts && given.every((count, i) => count === counts[i])) return;
    counts = given;
    for (const truth of DIGITS) fill(cells[truth], counts.subarray(10 * truth, 10 * truth + 10), truth);
    if (at) sentence.textContent = inWords(counts, ...at);
  };
}

function cell(truth, said) {
  const place = { "data-truth": truth, "data-said": said };
  return element("td", { ...place, tabindex: -1, class: truth === said ? "right" : "wrong" }, "·");
}

// Errors are shown by the root of their share, so that rare ones are seen too.
function fill(cells, counts, truth) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  counts.forEach((count, said) => {
    const share = all ? count / all : 0;
    cells[said].textContent = count || "·";
    cells[said].style.setProperty("--share", (truth === said ? share : Math.sqrt(share)).toFixed(3));
    cells[said].classList.toggle("none", !count);
  });
}

/** "27 of 980 fours were read as nines". */
export function inWords(counts, truth, said) {
  const all = counts.subarray(10 * truth, 10 * truth + 10).reduce((sum, count) => sum + count, 0);
  const count = counts[10 * truth + said];
  const verb = count === 1 ? "was" : "were";
  const which = `${all.toLocaleString("en")} ${plural(truth)}`;
  if (truth === said) return `${count.toLocaleString("en")} of ${which} ${verb} read rightly.`;
  return `${count.toLocaleString("en")} of ${which} ${verb} read as ${plural(said)}.`;
}

function plural(digit) {
  return digit === 6 ? "sixes" : `${NAMES[digit]}s`;
}

function inside(index) {
  return Math.max(0, Math.min(9, index));
}
