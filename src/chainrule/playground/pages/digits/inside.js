// One map or one unit of the first layer, as the network is convolutional or not.

import { Slide } from "./slide.js";
import { Unit } from "./unit.js";

/**
 * Both in their boxes, one of them shown. `ask(question, values)` gives arrays or `null`. `follow()`
 * shows what fits the settings, `refresh()` asks anew, `choose(i)` shows another map or unit.
 */
export function inside(box, ask) {
  const slide = new Slide(box("slide"), (channel) => ask("slide", { channel }));
  const unit = new Unit(box("unit"), (one) => ask("unit", { unit: one }));
  const shown = () => (box("unit").hidden ? slide : unit);

  function follow({ kind, channels, layers }) {
    const convolves = kind === "cnn" && channels.length > 0;
    box("slide").hidden = !convolves;
    box("unit").hidden = convolves;
    box("inside-title").textContent = convolves ? "One map, pixel by pixel" : "What one unit looks for";
    if (convolves) slide.offer(channels[0]);
    else unit.offer(layers[0] ?? 10);
  }
  return { follow, refresh: () => shown().refresh(), choose: (one) => shown().choose(one) };
}
