// Losses and scores over training, and what they are now.

import { lineChart } from "../shared/charts.js";
import { element } from "../shared/controls.js";
import { figure, percent } from "./figures.js";

const HEIGHT = 98;
const SCORES = { accuracy: "Accuracy", R2: "R²" };
const SERIES = [
  { name: "train", label: "training", color: "var(--first)" },
  { name: "test", label: "test", color: "var(--second)" },
];

/** Two charts in `box`, with the figures of now above each. */
export class Curves {
  constructor(box, experiment) {
    this.loss = part("Loss", { low: 0 });
    this.score = part("Score", { logSwitch: false });
    box.classList.add("curves");
    box.append(this.loss.box, this.score.box);
    experiment.onFrame((frame) => this.show(frame));
  }

  show({ curve, loss, score }) {
    if (!curve) return;
    const percents = score.name === "accuracy";
    this.score.name.textContent = SCORES[score.name] ?? score.name;
    tell(this.loss, loss, figure);
    tell(this.score, score, percents ? percent : figure);
    draw(this.loss.chart, curve.epoch, curve.train, curve.test);
    draw(this.score.chart, curve.epoch, curve.score_train, curve.score_test);
  }
}

function part(title, options) {
  const name = element("b", {}, title);
  const [train, test] = [element("span", { class: "num" }), element("span", { class: "num" })];
  const head = element("div", { class: "curve-head" }, name, element("span", {}, "training ", train), element("span", {}, "test ", test));
  const box = element("div", { class: "curve" }, head);
  const chart = lineChart(box, { label: title, height: HEIGHT, series: SERIES, head: false, ...options });
  return { box, name, train, test, chart };
}

function tell(part, { train, test }, words) {
  part.train.textContent = words(train);
  part.test.textContent = words(test);
}

function draw(chart, x, train, test) {
  chart.show({ x, series: [{ name: "train", values: train }, { name: "test", values: test }] });
}
