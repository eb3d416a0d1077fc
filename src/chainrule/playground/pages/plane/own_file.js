// A person's own file: chosen, or dropped anywhere on the page.

import { element } from "../shared/controls.js";

const MOST = 16 << 20; // bytes that the service takes

/** Where a file is chosen, `tile`, and what is said of it, `line`; the whole page takes one dropped. */
export class OwnFile {
  constructor(experiment, data) {
    this.experiment = experiment;
    this.name = "";
    this.input = element("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", "aria-label": "A CSV of your own", onchange: () => this.#chosen() });
    this.line = element("p", { class: "told" });
    this.tile = element(
      "label",
      { class: "tile own" },
      this.input,
      element("span", { class: "name" }, "Your CSV…"),
      element("small", {}, "or drop one anywhere"),
    );
    this.veil = element("div", { class: "veil", hidden: true }, element("p", {}, "Drop the CSV: its last column is what is learned"));
    document.body.append(this.veil);
    this.#listen();
    experiment.onSettings((settings) => this.#tell(settings, data.now));
    data.onData((now) => this.#tell(experiment.settings, now));
  }

  /** Hand a file to the experiment, if it is one that it can take. */
  async take(file) {
    if (file.size > MOST) {
      const size = (file.size / (1 << 20)).toFixed(1);
      this.experiment.say(`${file.name} has ${size} MiB; files may have 16 MiB at most: keep some of its rows`);
      return;
    }
    const before = this.name;
    this.name = file.name;
    if (!(await this.experiment.take(file))) this.name = before;
  }

  #chosen() {
    const [file] = this.input.files;
    this.input.value = "";
    if (file) this.take(file);
  }

  // Entering a child tells the page that its parent was left: what counts is how deep one is.
  #listen() {
    let deep = 0;
    const shows = (now) => {
      deep = Math.max(now, 0);
      this.veil.hidden = !deep;
    };
    const holds = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => holds(event) && shows(deep + 1));
    addEventListener("dragleave", (event) => holds(event) && shows(deep - 1));
    addEventListener("dragover", (event) => holds(event) && event.preventDefault());
    addEventListener("drop", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      shows(0);
      const [file] = event.dataTransfer.files;
      if (file) this.take(file);
    });
  }

  #tell({ data }, now) {
    const used = data === "csv";
    this.tile.toggleAttribute("data-used", used);
    this.line.textContent = used && now ? this.#said(now) : "";
  }

  #said({ axes, train, test }) {
    if (!train?.y.length && !test?.y.length) return "An address holds no file: choose it again, or drop it on the page.";
    const columns = axes.map(({ name }) => name).join(" and ");
    return `${this.name || "Your file"}: ${columns}. The address of the page does not hold it.`;
  }
}
