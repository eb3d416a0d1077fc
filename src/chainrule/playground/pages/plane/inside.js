// A panel about one point: asks its question again as the point and the network move, while it is
// open, a few times a second, and never twice at once.

import { later, latest } from "../shared/timing.js";

const PAUSE = 300; // milliseconds between two answers
const AGAIN = 1000; // and while only the network changes: what answers is what trains

/**
 * Keep a panel up to date; returns what says that it may no longer be so. `place()` gives the point
 * as {x, y, label}, or null; `more()` what else is asked; `isOpen()` whether anybody looks;
 * `show(answer, place)` puts the answer there.
 */
export function inside(experiment, question, { place, more = () => ({}), isOpen, show }) {
  let askedAt = -Infinity;
  const refresh = latest(async () => {
    const asked = isOpen() && !document.hidden ? place() : null;
    if (!asked) return;
    askedAt = performance.now();
    // The label is the engine's to find: that of the nearest point of the data of now.
    const answer = await experiment.ask(question, { x: asked.x, y: asked.y, ...more() }, { say: false });
    if (answer) show(answer, asked);
    await later(PAUSE);
  });
  experiment.onFrame(({ play }) => {
    if (!play.playing || performance.now() > askedAt + AGAIN) refresh();
  });
  return refresh;
}
