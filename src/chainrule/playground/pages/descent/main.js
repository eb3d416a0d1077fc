// Optimisers that go downhill: what the page is made of.

import { Experiment } from "../shared/experiment.js";

const experiment = await Experiment.open("descent");
experiment.onFrame((frame) => {
  document.getElementById("steps").textContent = frame.steps;
});
