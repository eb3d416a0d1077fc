// Ten probabilities as bars, and the answer in a sentence.

import { element } from "../shared/controls.js";
import { percent } from "./numbers.js";

const CALM = 900; // milliseconds before a screen reader is told

/** Bars in `box`; the function that is returned shows an answer. */
export function answerBars(box) {
  const rows = Array.from({ length: 10 }, (_, digit) => row(digit));
  const verdict = element("p", { class: "verdict" }, "nothing drawn yet");
  const spoken = element("p", { class: "visually-hidden", role: "status" });
  let timer;
  box.classList.add("blank");
  box.append(verdict, element("ol", { class: "bars", start: 0 }, ...rows.map((one) => one.line)), spoken);

  return (answer, { blank, ended }) => {
    const chances = [...answer.probabilities];
    const drawn = !blank;
    const likeliest = chances.indexOf(Math.max(...chances));
    rows.forEach((one, digit) => (drawn ? one.show(chances[digit], digit === likeliest) : one.clear()));
    box.classList.toggle("blank", !drawn);
    verdict.textContent = drawn ? `a ${likeliest}, ${percent(chances[likeliest])}` : "nothing drawn yet";
    clearTimeout(timer);
    if (drawn && ended) timer = setTimeout(() => (spoken.textContent = `read as ${verdict.textContent}`), CALM);
  };
}

function row(digit) {
  const bar = element("span", { class: "fill" });
  const share = element("span", { class: "share" }, "–");
  const mark = element("span", { class: "mark", "aria-hidden": "true" });
  const line = element(
    "li",
    { "data-digit": digit },
    element("span", { class: "digit" }, String(digit)),
    element("span", { class: "track", "aria-hidden": "true" }, bar),
    share,
    mark,
  );
  const show = (chance, likeliest) => {
    bar.style.transform = `scaleX(${chance})`;
    share.textContent = percent(chance);
    mark.textContent = likeliest ? "◀" : "";
    line.dataset.chance = chance;
    line.classList.toggle("likeliest", likeliest);
  };
  // Without a drawing there is nothing to be sure of.
  const clear = () => {
    show(0, false);
    share.textContent = "–";
    delete line.dataset.chance;
  };
  return { line, show, clear };
}
