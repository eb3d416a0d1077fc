// A network on points of a plane: what the page is made of.

import { Experiment } from "../shared/experiment.js";

const experiment = await Experiment.open("plane");
experiment.onFrame((frame) => {
  document.getElementById("steps").textContent = frame.steps;
});
