const frames = [...document.querySelectorAll(".frame")];
const [button, slider, output] = ["button", "input", "output"].map((name) => document.querySelector(name));
let timer = null;

function show(place) {
  frames.forEach((frame, i) => { frame.hidden = i !== place; });
  slider.value = place;
  output.textContent = `${place + 1} of ${frames.length}`;
  slider.setAttribute("aria-valuetext", `${output.textContent}: ${frames[place].querySelector("title").textContent}`);
}

function pause() {
  clearInterval(timer);
  timer = null;
  button.textContent = "Play";
}

function step() {
  const next = Number(slider.value) + 1;
  if (next < frames.length) show(next);
  if (next >= frames.length - 1) pause();
}

function play() {
  if (Number(slider.value) === frames.length - 1) show(0);
  button.textContent = "Pause";
  timer = setInterval(step, $MILLISECONDS);
}

button.addEventListener("click", () => (timer === null ? play() : pause()));
slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });
show(frames.length - 1);
if (frames.length > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches) play();
