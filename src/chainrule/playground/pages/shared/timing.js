// When things are done: seldom, or one at a time. Knows no page.

/** Call `work` at once, but once in `pause` milliseconds at most, and in the end with the latest. */
export function seldom(work, pause = 1000) {
  let waiting = null;
  let last = -Infinity;
  let latest;
  function now() {
    waiting = null;
    last = performance.now();
    work(latest);
  }
  return (value) => {
    latest = value;
    if (waiting !== null) return;
    const rest = last + pause - performance.now();
    if (rest <= 0) now();
    else waiting = setTimeout(now, rest);
  };
}

/** Call what takes time, one call after the other; of those that wait, only the latest. */
export function latest(work) {
  let busy = false;
  let waiting = null;
  return async function call(...values) {
    if (busy) {
      waiting = values;
      return;
    }
    busy = true;
    try {
      await work(...values);
    } finally {
      busy = false;
      const next = waiting;
      waiting = null;
      if (next) call(...next);
    }
  };
}

/** So many milliseconds later. */
export function later(pause) {
  return new Promise((done) => setTimeout(done, pause));
}
