// One experiment of the service, as a page sees it: settings, frames, questions, undo, the address.

import { Gone, ask, frames, post } from "./api.js";
import { hashOf, settingsOf } from "./address.js";

/** An experiment; `await Experiment.open("plane")` begins the one that the address describes. */
export class Experiment {
  static async open(page) {
    const experiment = new Experiment(page);
    await experiment.#begin();
    addEventListener("hashchange", () => experiment.#follow());
    addEventListener("pagehide", () => experiment.#leave());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    addEventListener("keydown", (event) => experiment.#key(event));
    return experiment;
  }

  constructor(page) {
    this.page = page;
    this.settings = {};
    this.table = {};
    this.frame = null;
    this.listeners = { frame: [], settings: [] };
  }

  // --- what pages ask of it -------------------------------------------------------------------

  /** Call `show(frame)` for each frame. */
  onFrame(show) {
    this.listeners.frame.push(show);
    if (this.frame) show(this.frame);
  }

  /** Call `show(settings)` now, and whenever they change. */
  onSettings(show) {
    this.listeners.settings.push(show);
    show(this.settings);
  }

  /** Set something, as `{name: value}`; whether it could be. */
  change(given) {
    return this.#settle("change", given);
  }

  undo() {
    return this.#settle("undo");
  }

  redo() {
    return this.#settle("redo");
  }

  restart() {
    return this.#settle("restart");
  }

  /** Take in a file that the person brought. */
  take(file) {
    return this.#settle(`take/${encodeURIComponent(file.name)}`, file);
  }

  get playing() {
    return Boolean(this.frame?.play?.playing);
  }

  play(playing = true) {
    return this.#quietly(() => post(this.#path("play"), { playing }));
  }

  step(steps = 1) {
    return this.#quietly(() => post(this.#path("play"), { steps }));
  }

  /** How quick: steps a second, or `null` for as quick as it goes. */
  pace(speed) {
    return this.#quietly(() => post(this.#path("play"), { speed }));
  }

  /** The answer to a question, or `null` where there is none; `say` whether the person is told. */
  ask(question, values = {}, { say = true } = {}) {
    return this.#quietly(() => post(this.#path(`ask/${question}`), values), say);
  }

  /** Where a file is to be had. */
  download(name) {
    return `api/${this.name}/download/${name}`;
  }

  /** Tell the person something, in one line; nothing to take it away. */
  say(sentence) {
    const line = document.getElementById("status");
    if (line && line.textContent !== sentence) line.textContent = sentence;
  }

  // --- how it does that -----------------------------------------------------------------------

  #path(what) {
    return `api/${this.name}/${what}`;
  }

  async #begin() {
    this.table = (await ask("api/tables"))[this.page];
    let opened;
    try {
      const settings = settingsOf(location.hash, this.table);
      opened = await post("api/open", { page: this.page, settings });
    } catch (error) {
      if (error instanceof Gone) throw error;
      this.say(error.message);
      opened = await post("api/open", { page: this.page, settings: {} });
    }
    this.name = opened.name;
    this.#settled(opened.settings, false);
    this.stream = frames(
      this.name,
      (frame) => this.#show(frame),
      () => this.#lost(),
    );
  }

  #show(frame) {
    this.frame = frame;
    if (frame.play?.trouble) this.say(frame.play.trouble);
    for (const show of this.listeners.frame) show(frame);
  }

  async #settle(way, body = {}) {
    const answer = await this.#quietly(() => post(this.#path(way), body));
    if (answer) this.#settled(answer.settings);
    return Boolean(answer);
  }

  #settled(settings, writes = true) {
    this.settings = settings;
    if (writes) {
      const hash = hashOf(settings, this.table);
      history.replaceState(null, "", hash || location.pathname);
      for (const link of document.querySelectorAll("a[data-link]")) link.href = location.href;
    }
    for (const show of this.listeners.settings) show(settings);
  }

  async #quietly(work, says = true) {
    try {
      const answer = await work();
      if (says) this.say("");
      return answer;
    } catch (error) {
      if (says || error instanceof Gone) this.say(error.message);
      return null;
    }
  }

  /** The address was changed by hand. */
  #follow() {
    const usual = Object.fromEntries(Object.entries(this.table).map(([k, s]) => [k, s.usual]));
    return this.change({ ...usual, ...settingsOf(location.hash, this.table) });
  }

  #leave() {
    this.stream?.close();
    post(this.#path("close"), {}, { keepalive: true }).catch(() => {});
  }

  /** The stream broke: the service went, or this experiment. Try to begin it anew. */
  async #lost() {
    this.say("the connection is lost; trying again");
    await new Promise((done) => setTimeout(done, 1000));
    try {
      await this.#begin();
      this.say("");
    } catch (error) {
      this.say(error.message);
      setTimeout(() => this.#lost(), 4000);
    }
  }

  #key(event) {
    const writes = event.target.closest?.("input:not([type=range]):not([type=checkbox]), select, textarea");
    if (writes || event.altKey) return;
    const held = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (held && key === "z") (event.shiftKey ? this.redo() : this.undo());
    else if (held && key === "y") this.redo();
    else if (held) return;
    else if (key === " " && !event.target.closest?.("button, a, summary, [role=button]")) this.play(!this.playing);
    else if (key === "s") this.step();
    else if (key === "r") this.restart();
    else return;
    event.preventDefault();
  }
}
