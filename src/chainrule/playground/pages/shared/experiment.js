// One experiment of the service, as a page sees it: settings, frames, questions, undo, the address.

import { hashOf, isSettings, same, settingsOf, unknownIn } from "./address.js";
import { Gone, ask, frames, post } from "./api.js";
import { listenToKeys } from "./keys.js";
import { lineOf } from "./line.js";
import { later, seldom } from "./timing.js";

const WRITTEN = 400; // milliseconds between two changes of the address, which browsers count
const INTENT = 500; // milliseconds after an order within which frames may not know of it
const FIRST_WAIT = 500; // milliseconds before the connection is tried again
const LONGEST_WAIT = 5000;

/** An experiment; `await Experiment.open("plane")` begins the one that the address describes. */
export class Experiment {
  static async open(page) {
    const experiment = new Experiment(page);
    globalThis.experiment = experiment; // for the console of the browser
    await experiment.#open();
    addEventListener("hashchange", ({ newURL }) => experiment.#follow(new URL(newURL).hash));
    addEventListener("pagehide", () => experiment.#leave());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    listenToKeys(experiment);
    return experiment;
  }

  #line = lineOf(document.getElementById("status"));
  #orders = Promise.resolve(); // what was asked for, one after the other
  #waiting = null; // the change that is last among them
  #arrived = null; // reads the frame that is to be shown next
  #trouble = "";
  #intent = { playing: false, until: 0 }; // what was ordered last, and how long frames may be older
  #write = seldom(() => this.#writeNow(), WRITTEN);

  constructor(page) {
    this.page = page;
    this.settings = {};
    this.table = {};
    this.frame = null;
    this.listeners = { frame: [], settings: [] };
  }

  // --- what pages ask of it -------------------------------------------------------------------

  /** Call `show(frame)` for each frame, when the browser is about to draw. */
  onFrame(show) {
    this.listeners.frame.push(show);
    if (this.frame) {
      show(this.frame);
      this.#ready();
    }
  }

  /** Call `show(settings)` now, and whenever they change. */
  onSettings(show) {
    this.listeners.settings.push(show);
    show(this.settings);
  }

  /**
   * Set something, as `{name: value}`; whether it could be. What is `same` belongs to the change
   * before, as while a slider is dragged: undo takes both back, and only the latest is sent.
   */
  change(given, { same = false } = {}) {
    if (same && this.#waiting) {
      Object.assign(this.#waiting.given, given);
      return this.#waiting.done;
    }
    const order = { given: { ...given } };
    order.done = this.#inOrder(() => {
      if (this.#waiting === order) this.#waiting = null;
      return this.#settle(same ? "adjust" : "change", order.given);
    });
    this.#waiting = order;
    return order.done;
  }

  undo() {
    return this.#inOrder(() => this.#settle("undo"));
  }

  redo() {
    return this.#inOrder(() => this.#settle("redo"));
  }

  restart() {
    return this.#inOrder(() => this.#settle("restart"));
  }

  /** Take in a file that the person brought. */
  take(file) {
    return this.#inOrder(() => this.#settle(`take/${encodeURIComponent(file.name)}`, file));
  }

  /** Whether it plays: as frames say, but those that are older than the last order. */
  get playing() {
    const { playing, until } = this.#intent;
    return performance.now() < until ? playing : Boolean(this.frame?.play?.playing);
  }

  play(playing = true) {
    return this.#intend(playing, { playing });
  }

  step(steps = 1) {
    return this.#intend(false, { steps });
  }

  /** How quick: steps a second, or `null` for as quick as it goes. */
  pace(speed) {
    return this.#order({ speed });
  }

  /** The answer to a question, or `null` where there is none; `say` whether the person is told. */
  async ask(question, values = {}, { say = true } = {}) {
    try {
      return await post(this.#path(`ask/${question}`), values);
    } catch (error) {
      if (say || error instanceof Gone) this.say(error.message);
      return null;
    }
  }

  /** Where a file is to be had. */
  download(name) {
    return `api/${this.name}/download/${name}`;
  }

  /** Tell the person something, in one line; `passing` if it may go by itself. */
  say(sentence, { passing = false } = {}) {
    if (passing) this.#line.passing(sentence);
    else this.#line.say(sentence);
  }

  // --- orders ---------------------------------------------------------------------------------

  #path(what) {
    return `api/${this.name}/${what}`;
  }

  #inOrder(work) {
    this.#waiting = null;
    const done = this.#orders.then(work);
    this.#orders = done.catch(() => {});
    return done;
  }

  /** Do what the person wants; whether it could be done, and if not, why, is said. */
  async #deed(way, body) {
    try {
      const answer = await post(this.#path(way), body);
      this.#line.clear();
      return answer;
    } catch (error) {
      this.say(error.message);
      return null;
    }
  }

  #order(body) {
    return this.#inOrder(async () => Boolean(await this.#deed("play", body)));
  }

  async #intend(playing, body) {
    const intent = (this.#intent = { playing, until: Infinity });
    const done = await this.#order(body);
    intent.until = done ? performance.now() + INTENT : 0;
    return done;
  }

  async #settle(way, body = {}) {
    const answer = await this.#deed(way, body);
    if (answer) this.#settled(answer.settings);
    return Boolean(answer);
  }

  #settled(settings) {
    this.settings = settings;
    this.#write();
    for (const show of this.listeners.settings) attempt(() => show(settings));
  }

  // --- frames ---------------------------------------------------------------------------------

  #listen() {
    this.stream = frames(
      this.name,
      (read) => this.#take(read),
      () => this.#lost(),
    );
  }

  /** Show a frame when the browser draws next; of several, the last. */
  #take(read) {
    const asked = this.#arrived !== null;
    this.#arrived = read;
    if (!asked) requestAnimationFrame(() => this.#show());
  }

  #show() {
    const read = this.#arrived;
    this.#arrived = null;
    const frame = (this.frame = read());
    const trouble = frame.play?.trouble ?? "";
    if (trouble && trouble !== this.#trouble) this.say(trouble);
    this.#trouble = trouble;
    for (const show of this.listeners.frame) attempt(() => show(frame));
    if (this.listeners.frame.length) this.#ready();
  }

  /** The page shows something: said on the root element, and to the clock of the browser. */
  #ready() {
    const { dataset } = document.documentElement;
    if (!("ready" in dataset)) performance.mark("first frame");
    dataset.ready = "";
  }

  // --- beginning, and beginning again ----------------------------------------------------------

  async #open() {
    try {
      this.table = (await ask("api/tables"))[this.page];
      await this.#begin(settingsOf(location.hash, this.table));
      this.#sayUnknown(location.hash);
    } catch (error) {
      this.say(error.message);
      await new Promise(() => {}); // there is nothing to go on with until the page is loaded again
    }
  }

  async #begin(wanted) {
    const opened = await this.#opened(wanted);
    this.name = opened.name;
    this.settings = opened.settings;
    for (const show of this.listeners.settings) attempt(() => show(opened.settings));
    this.#listen();
  }

  /** Begin with what can be of the settings that are wanted: what a refusal names is left out. */
  async #opened(wanted) {
    const settings = { ...wanted };
    for (;;) {
      try {
        return await post("api/open", { page: this.page, settings });
      } catch (error) {
        const names = Object.keys(settings);
        if (error.status !== 422 || !names.length) throw error;
        this.say(error.message);
        const named = /^\w+/.exec(error.message)?.[0];
        for (const name of names.includes(named) ? [named] : names) delete settings[name];
      }
    }
  }

  #sayUnknown(hash) {
    const unknown = unknownIn(hash, this.table);
    if (!unknown.length) return;
    const names = unknown.slice(0, 3).map((name) => `"${name.slice(0, 40)}"`);
    this.say(`the address sets ${names.join(", ")}, which this page does not have; the rest holds`);
  }

  /** The stream broke: the connection, or this experiment, or the service has ended. */
  async #lost() {
    const [wanted, playing] = [this.settings, this.playing];
    this.say("the connection is lost; trying again");
    for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      await later(wait);
      try {
        await this.#again(wanted, playing);
        return;
      } catch (error) {
        this.say(error.message);
      }
    }
  }

  async #again(wanted, playing) {
    try {
      await post(this.#path("play"));
      this.#listen();
      this.#line.clear();
    } catch (error) {
      if (error.status !== 410) throw error;
      this.say("this experiment had ended, and has begun anew", { passing: true });
      await this.#begin(wanted);
      if (playing) await post(this.#path("play"), { playing });
    }
  }

  #leave() {
    this.stream?.close();
    post(this.#path("close"), {}, { keepalive: true }).catch(() => {});
  }

  // --- the address ----------------------------------------------------------------------------

  #writeNow() {
    const hash = hashOf(this.settings, this.table);
    try {
      if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
    } catch {
      this.say("this experiment is too large for an address");
    }
  }

  /** The address was changed by hand, or by a link. */
  async #follow(hash) {
    if (!isSettings(hash)) {
      this.#writeNow(); // the browser has gone to that place already
      return;
    }
    const usual = Object.fromEntries(Object.entries(this.table).map(([name, { usual }]) => [name, usual]));
    const wanted = { ...usual, ...settingsOf(hash, this.table) };
    const done = same(wanted, this.settings) || (await this.change(wanted));
    if (done) this.#sayUnknown(hash);
    this.#writeNow();
  }
}

/** What goes wrong in one part of a page is reported, and does not keep the others from drawing. */
function attempt(work) {
  try {
    work();
  } catch (error) {
    reportError(error);
  }
}
