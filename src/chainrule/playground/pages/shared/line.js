// The line at the bottom that says what happened.

const PASSING = 6000; // milliseconds that good news stand

/**
 * The line in an element: `say(sentence)` stands until `clear()` or Escape, `passing(sentence)` for
 * a few seconds.
 */
export function lineOf(box) {
  let timer = null;

  function put(sentence) {
    clearTimeout(timer);
    if (box && box.textContent !== sentence) box.textContent = sentence;
  }

  addEventListener("keydown", (event) => {
    if (event.key === "Escape") put("");
  });
  return {
    say: put,
    clear: () => put(""),
    passing(sentence) {
      put(sentence);
      timer = setTimeout(() => put(""), PASSING);
    },
  };
}
