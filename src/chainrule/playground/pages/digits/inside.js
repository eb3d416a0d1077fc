// One map or one unit of the first layer, as the network is convolutional or not.

import { Slide } from "./slide.js";
import { Unit } from "./unit.js";

/** Both in their boxes, one of them shown; `refresh()` asks anew, `choose(i)` shows another. */
export function inside(experiment, pad, box) {
  const about = (question, given) => experiment.ask(question, { strokes: pad.strokes, ...given }, { say: false });
  const slide = new Slide(box("slide"), (channel) => about("slide", { channel }));
  const unit = new Unit(box("unit"), (one) => about("unit", { unit: one }));

  experiment.onSettings(({ kind, channels, layers }) => {
    const convolves = kind === "cnn" && channels.length > 0;
    box("slide").hidden = !convolves;
    box("unit").hidden = convolves;
    box("inside-title").textContent = convolves ? "One map, pixel by pixel" : "What one unit looks for";
    if (convolves) slide.offer(channels[0]);
    else unit.offer(layers[0] ?? 10);
  });
  const shown = () => (box("unit").hidden ? slide : unit);
  return { refresh: () => shown().refresh(), choose: (one) => shown().choose(one) };
}
