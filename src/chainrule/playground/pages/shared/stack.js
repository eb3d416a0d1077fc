// A list of sizes, such as the units of each layer: each with less and more, rows added and removed.

import { element } from "./controls.js";

/** A control for a setting of whole numbers in a row. */
export function stack(experiment, name, { one = "Layer", usual = 4 } = {}) {
  const setting = experiment.table[name];
  const rows = element("ol", { class: "rows" });
  const append = (sizes) => sizes.push(sizes.at(-1) ?? Math.min(usual, setting.high));
  const add = element("button", { type: "button", class: "add", onclick: () => edit(append) }, `Add a ${one.toLowerCase()}`);
  const box = element("fieldset", { class: "setting stack-of-sizes", "data-setting": name }, element("legend", {}, setting.label), rows, add);
  let turn = Promise.resolve();

  // Quick clicks come one after another: each edits what the one before has made.
  function edit(work) {
    turn = turn.then(async () => {
      const sizes = [...experiment.settings[name]];
      work(sizes);
      const changed = sizes.every((size) => size >= 1 && size <= setting.high) && (await experiment.change({ [name]: sizes }));
      if (!changed) show(experiment.settings[name]);
    });
  }

  function show(sizes) {
    // Rows stay as long as they can, so that the one that is worked at keeps the focus.
    while (rows.children.length > sizes.length) remove(rows);
    while (rows.children.length < sizes.length) rows.append(row(one, rows.children.length, setting, edit));
    sizes.forEach((size, at) => rows.children[at].show(size));
    add.disabled = sizes.length >= setting.most;
  }

  experiment.onSettings((settings) => show(settings[name]));
  return box;
}

function remove(rows) {
  const last = rows.lastElementChild;
  const held = last.contains(document.activeElement);
  last.remove();
  if (held) (rows.lastElementChild ?? rows.parentElement).querySelector("button")?.focus();
}

function row(one, at, setting, edit) {
  const called = `${one} ${at + 1}`;
  const typed = element("input", {
    type: "number",
    min: 1,
    max: setting.high,
    "aria-label": `${called}: size`,
    onchange: () => edit((sizes) => (sizes[at] = Math.round(Number(typed.value)))),
  });
  const less = small("−", `${called}: one less`, () => edit((sizes) => (sizes[at] -= 1)));
  const more = small("+", `${called}: one more`, () => edit((sizes) => (sizes[at] += 1)));
  const gone = small("×", `Remove ${called.toLowerCase()}`, () => edit((sizes) => sizes.splice(at, 1)));
  const made = element("li", {}, element("span", { class: "label" }, called), less, typed, more, gone);
  made.show = (size) => {
    typed.value = size;
    less.disabled = size <= 1;
    more.disabled = size >= setting.high;
  };
  return made;
}

function small(sign, label, onclick) {
  return element("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick }, sign);
}
