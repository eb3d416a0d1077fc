// Controls for settings, made from the table of the service: one labelled control for each.

const SLIDES = 10_000; // whole numbers that a slider can tell apart, and no more
const TOGETHER = 1000; // milliseconds within which moves of one slider are one change for undo

/** A control for a setting of an experiment, kept as the experiment has it. */
export function control(experiment, name) {
  const setting = experiment.table[name];
  const made = MAKERS[setting.kind](setting, changesOf(experiment, name, () => made.show(experiment.settings[name])));
  made.box.dataset.setting = name;
  if (setting.help) {
    made.box.title = setting.help;
    for (const input of made.box.querySelectorAll("input, select")) input.setAttribute("aria-description", setting.help);
  }
  experiment.onSettings((settings) => made.show(settings[name]));
  return made.box;
}

/**
 * Sets a setting, as `set(value)`; `goesOn` where it belongs to the same change as what came before,
 * if that was not long ago. `refused` is called where it cannot be that.
 */
function changesOf(experiment, name, refused) {
  let last = -Infinity;
  return async (value, { goesOn = false } = {}) => {
    const same = goesOn && performance.now() - last < TOGETHER;
    last = performance.now();
    if (!(await experiment.change({ [name]: value }, { same }))) refused();
  };
}

/** Controls for all settings of a group, in the order of the table. */
export function controls(experiment, group, { without = [] } = {}) {
  const names = Object.keys(experiment.table).filter(
    (name) => experiment.table[name].group === group && !without.includes(name) && MAKERS[experiment.table[name].kind],
  );
  return names.map((name) => control(experiment, name));
}

/** An element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const MAKERS = { choice, several, flag, amount, count: amount };

function choice(setting, set) {
  const options = Object.entries(setting.options).map(([value, label]) => element("option", { value }, label));
  const select = element("select", { onchange: () => set(select.value) }, ...options);
  return { box: labelled(setting, select), show: (value) => (select.value = value) };
}

function several(setting, set) {
  const boxes = Object.entries(setting.options).map(([value, label]) => {
    const box = element("input", { type: "checkbox", value, onchange: changed });
    return { box, label: element("label", { class: "tick" }, box, label) };
  });
  let now = [];
  function changed() {
    const chosen = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    if (chosen.length) set(chosen);
    else show(now); // one has to stay
  }
  function show(value) {
    now = value;
    for (const { box } of boxes) box.checked = value.includes(box.value);
  }
  const legend = element("legend", {}, setting.label);
  return { box: element("fieldset", { class: "setting several" }, legend, ...boxes.map((one) => one.label)), show };
}

function flag(setting, set) {
  const box = element("input", { type: "checkbox", onchange: () => set(box.checked) });
  const label = element("label", { class: "setting tick" }, box, setting.label);
  return { box: label, show: (value) => (box.checked = value) };
}

// A slider over the stops that the table names, or over the whole range, with the number beside it
// that can also be typed; the number alone where there are too many. While it is dragged training goes on under each value where it can;
// otherwise the number alone follows, and the value is set in the end.
function amount(setting, set) {
  const whole = setting.kind === "count";
  const stops = setting.steps.length ? setting.steps : null;
  const slider = element("input", {
    type: "range",
    min: stops ? 0 : setting.low,
    max: stops ? stops.length - 1 : setting.high,
    step: stops || whole ? 1 : (setting.high - setting.low) / 100,
    "aria-label": setting.label,
    oninput: () => drag(),
    onchange: () => release(),
  });
  const chosen = () => (stops ? stops[Number(slider.value)] : Number(slider.value));
  const typed = element("input", {
    type: "number",
    min: setting.low,
    max: setting.high,
    step: whole ? 1 : "any",
    onchange: () => (typed.value === "" ? show(now) : set(Number(typed.value))),
  });
  const unit = setting.unit ? element("span", { class: "unit" }, setting.unit) : null;
  const box = labelled(setting, typed, unit);
  if (stops || !whole || setting.high - setting.low <= SLIDES) box.append(slider);
  let now = setting.usual;
  let sent = null; // the value that was set last in this drag
  let dragged = false;

  function drag() {
    dragged = true;
    tell(chosen());
    if (setting.live) send(chosen());
  }

  function release() {
    dragged = false;
    send(chosen());
    sent = null;
  }

  function send(value) {
    if (value !== sent) set(value, { goesOn: true });
    sent = value;
  }

  function tell(value) {
    typed.value = shown(value);
    slider.setAttribute("aria-valuetext", [shown(value), setting.unit].filter(Boolean).join(" "));
  }

  function show(value) {
    now = value;
    if (dragged) return;
    tell(value);
    slider.value = stops ? nearest(stops, value) : value;
  }

  return { box, show };
}

function labelled(setting, input, unit = null) {
  const line = element("label", {}, element("span", { class: "label" }, setting.label), input, unit);
  return element("div", { class: "setting" }, line);
}

function shown(value) {
  return String(+Number(value).toPrecision(6));
}

function nearest(stops, value) {
  const off = stops.map((stop) => Math.abs(stop - value));
  return off.indexOf(Math.min(...off));
}
