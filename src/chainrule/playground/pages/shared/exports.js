// The menu of what an experiment gives away: its files, and the link to it.

import { element } from "./controls.js";

/** A menu; `files` are `{name, label, note}`, named as the session's downloads are. */
export function exportMenu(experiment, files) {
  const links = files.map(({ name, label, note }) => {
    // The address is made at the click: an experiment that was lost and begun anew has another name.
    const link = element("a", { class: "button", href: "#", download: "", "data-export": name }, label, small(note));
    const point = () => (link.href = experiment.download(name));
    for (const event of ["pointerdown", "focus", "pointerenter"]) link.addEventListener(event, point);
    link.addEventListener("click", () => {
      point();
      menu.open = false;
    });
    return link;
  });
  const menu = element(
    "details",
    { class: "exports" },
    element("summary", { class: "button" }, "Export"),
    element("div", { class: "choices" }, ...links, copyLink(experiment)),
  );
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  return menu;
}

function small(note) {
  return note ? element("small", {}, note) : null;
}

function copyLink(experiment) {
  return element(
    "button",
    {
      type: "button",
      async onclick() {
        try {
          await navigator.clipboard.writeText(location.href);
          experiment.say("the link to this experiment is copied");
        } catch {
          experiment.say(`the link to this experiment is ${location.href}`);
        }
      },
    },
    "Copy the link",
    small("every setting is in it"),
  );
}
