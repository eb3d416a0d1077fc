// A network on points of a plane: what the page is made of.

import { Experiment } from "../shared/experiment.js";
import { remark } from "../shared/remark.js";
import { tabs } from "../shared/tabs.js";
import { layOutBar } from "./bar.js";
import { Boundary } from "./boundary.js";
import { Chooser } from "./chooser.js";
import { Curves } from "./curves.js";
import { Data } from "./data.js";
import { enlarge } from "./enlarge.js";
import { Formulas } from "./formulas.js";
import { Graph } from "./graph.js";
import { Network } from "./network.js";
import { OwnFile } from "./own_file.js";
import { Place } from "./place.js";
import { Point } from "./point.js";
import { Pen } from "./points.js";
import { layOutSettings } from "./settings.js";
import { Sizes } from "./sizes.js";

const box = (id) => document.getElementById(id);

const experiment = await Experiment.open("plane");

layOutBar(experiment, box("bar"));
layOutSettings(experiment, box);

const data = new Data(experiment);
const file = new OwnFile(experiment, data);
new Chooser(experiment, box("chooser"), file.tile);
box("own-file").replaceChildren(file.line);
const point = new Point(experiment);
const pen = new Pen(box("pen"), experiment, { data });
new Network(box("network"), experiment, { point });
new Boundary(box("boundary"), experiment, { data, point, pen });
new Curves(box("curves"), experiment);
new Sizes(box("sizes"), experiment);
remark(experiment, box("remark"));

enlarge(box("enlarge"), box("panels"));
const { isOpen, onOpen } = tabs(box("panels"));
const place = new Place(point, data);
const inside = [
  new Formulas(box("formulas-panel"), experiment, { place, point, isOpen }),
  new Graph(box("graph-panel"), experiment, { place, point, isOpen }),
];
onOpen(() => inside.forEach((panel) => panel.refresh()));
