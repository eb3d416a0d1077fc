// Optimisers that go downhill: what the page is made of.

import { Experiment } from "../shared/experiment.js";
import { layOutBar } from "./bar.js";
import { Clock } from "./clock.js";
import { Legend } from "./legend.js";
import { layOutLosses } from "./losses.js";
import { longest } from "./paths.js";
import { layOutPresets } from "./presets.js";
import { layOutSettings } from "./settings.js";
import { Spelled } from "./spelled.js";
import { Spot } from "./spot.js";
import { Stage } from "./stage.js";

const box = (id) => document.getElementById(id);

const experiment = await Experiment.open("descent");
const labels = experiment.table.optimizers.options;
const clock = new Clock();

// Set something and, with the frame of that, go from the start on. The frame may be here before the
// answer is.
let waiting = null;
async function begin(given, plays = true) {
  waiting = { plays };
  if (!(await experiment.change(given))) waiting = null;
}

layOutBar(experiment, clock, box("bar"));
layOutPresets(experiment, box("presets"), begin);
layOutSettings(experiment, box);

const spot = new Spot(box("spot"), experiment);
new Stage(box("stage"), experiment, clock, spot, labels, begin);
const spelled = new Spelled(box("spelled"), experiment, clock, labels);
new Legend(box("legend"), experiment, clock, labels, (name) => spelled.of(name));
layOutLosses(experiment, clock, labels, box("losses"));

let formula = null;
experiment.onFrame((frame) => {
  box("formula").textContent = frame.formula;
  const isNew = formula !== null && formula !== frame.formula;
  formula = frame.formula;
  clock.reach(longest(frame.paths));
  if (waiting?.plays) clock.replay();
  else if (waiting || isNew) {
    clock.pause();
    clock.to(0);
  }
  waiting = null;
});
