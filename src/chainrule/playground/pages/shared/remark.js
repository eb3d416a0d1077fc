// The doctor's remark on a network: what it found, by what, and what to do, with a button for that.

import { element } from "./controls.js";

const QUIET = "The doctor has nothing to remark.";

/** Show the finding of the frames, if there is one, in a box whose room is reserved. */
export function remark(experiment, box) {
  const title = element("p", { class: "title", role: "status" }, QUIET);
  const evidence = element("p", { class: "evidence" });
  const advice = element("p", { class: "advice" });
  const apply = element("button", { type: "button", class: "apply", hidden: true, onclick: () => follow(experiment, finding) });
  box.classList.add("remark");
  box.replaceChildren(title, evidence, advice, apply);
  let finding = null;

  experiment.onFrame((frame) => {
    finding = frame.finding ?? null;
    box.dataset.severity = finding?.severity ?? 0;
    // The title is read out, so it is touched only where it is another.
    write(title, finding?.title ?? QUIET);
    write(evidence, finding?.evidence ?? "");
    write(advice, finding?.advice ?? "");
    write(apply, finding?.apply?.label ?? "");
    apply.hidden = !finding?.apply;
  });
}

/** Do what a finding advises. */
async function follow(experiment, finding) {
  if (!finding?.apply) return;
  const { settings, restart } = finding.apply;
  const changed = !Object.keys(settings).length || (await experiment.change(settings));
  // Live settings leave the weights as they are; some troubles have ruined those.
  if (changed && restart) await experiment.restart();
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
