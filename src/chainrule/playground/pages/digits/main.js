// A network that reads digits: what the page is made of.

import { Experiment } from "../shared/experiment.js";

const experiment = await Experiment.open("digits");
experiment.onFrame((frame) => {
  document.getElementById("steps").textContent = frame.steps;
});
