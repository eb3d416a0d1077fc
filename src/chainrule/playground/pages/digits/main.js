// A network that reads digits: what the page is made of.

import { lineChart } from "../shared/charts.js";
import { element } from "../shared/controls.js";
import { Experiment } from "../shared/experiment.js";
import { remark } from "../shared/remark.js";
import { answerBars } from "./answer.js";
import { layOutBar } from "./bar.js";
import { confusion } from "./confusion.js";
import { inside } from "./inside.js";
import { mistakes } from "./mistakes.js";
import { Pad } from "./pad.js";
import { Reading } from "./reading.js";
import { layOutSettings } from "./settings.js";
import { way } from "./way.js";
import { weightImages } from "./weights.js";

const box = (id) => document.getElementById(id);

// What needs no service is there at once.
let [reading, experiment] = [null, null];
const pad = new Pad(box("pad"), (ended) => reading?.read(pad.image, ended));
const showBars = answerBars(box("answer"));
const showWay = way(box("way"));
const showConfusion = confusion(box("confusion"));
const showMistakes = mistakes(box("mistakes"), (example) => pad.show(example));
const looking = inside(box, (question, values) =>
  experiment.ask(question, { ...pad.image, ...values }, { say: false }),
);
const showWeights = weightImages(box("weights"), looking.choose);
const curves = curvesOf(box("curves"));

document.documentElement.dataset.laid = ""; // and is seen

experiment = await Experiment.open("digits");

layOutBar(experiment, box("transport"));
layOutSettings(experiment, box("settings"));
remark(experiment, box("remark"));
box("doctor").hidden = false; // below the settings, which have their room now
experiment.onSettings(looking.follow);
experiment.onSettings(({ data }) => pad.of(data));

reading = new Reading(experiment);
reading.onAnswer((answer, about) => {
  showBars(answer, about);
  showWay(answer, about);
  looking.refresh();
});
reading.read(pad.image, true);

experiment.onFrame((frame) => {
  curves.show(frame.curve);
  showConfusion(frame.confusion);
  showMistakes(frame.mistakes);
  showWeights(frame.weights);
});

function curvesOf(place) {
  const known = [
    { name: "train", label: "train", color: "var(--first)" },
    { name: "test", label: "test", color: "var(--second)" },
  ];
  const [left, right] = [element("div"), element("div")];
  place.append(left, right);
  const loss = lineChart(left, { label: "Loss", height: 150, series: known });
  const accuracy = lineChart(right, { label: "Accuracy", height: 150, low: 0, high: 1, logSwitch: false, series: known });
  return {
    show({ epoch, train, test, score_train, score_test }) {
      if (epoch.length < 2) return [loss, accuracy].forEach((chart) => chart.clear()); // no way yet
      loss.show({ x: epoch, series: [{ name: "train", values: train }, { name: "test", values: test }] });
      accuracy.show({ x: epoch, series: [{ name: "train", values: score_train }, { name: "test", values: score_test }] });
    },
  };
}
