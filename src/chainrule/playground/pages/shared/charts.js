// Curves over the course of training: drawn on a canvas, read with the mouse or the arrow keys.

import { element } from "./controls.js";
import { crisp, lettering } from "./crisp.js";
import { classColors, colorOf } from "./palette.js";
import { evenTicks, figure, logTicks, tickText } from "./ticks.js";

const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
const LEFT = 44;
const TOP = 9;
const BOTTOM = 20;
const APART = 14; // pixels between two labels at the ends of lines

/**
 * A chart of lines in `container`, with `show({x, series: [{name, values}], mark, least})` and
 * `clear()`; `mark`, if any, is the number of the place that is marked while none is read, and `least` the end
 * of a logarithmic scale, however low the values go.
 *
 * `label` says what is drawn, `x` what runs across. `series` gives lines labels and colours
 * beforehand: `{name, label, color}`. `low` and `high` fix the range. What is no number is a gap.
 */
export function lineChart(
  container,
  { label, x = "epoch", height = 180, log = false, logSwitch = true, head = true, low = null, high = null, series = [] },
) {
  const box = element("div", { class: "chart-box" });
  const chart = new Lines({ label, x, low, high, known: series, log });
  if (head) box.append(heading(label, logSwitch, chart));
  chart.fill(box, height);
  container.append(box);
  return { element: box, show: (data) => chart.show(data), clear: () => chart.show(null) };
}

function heading(label, logSwitch, chart) {
  const line = element("div", { class: "chart-head" }, element("span", { class: "chart-title" }, label));
  if (logSwitch) {
    const tick = element("input", { type: "checkbox", onchange: () => chart.scale(tick.checked) });
    tick.checked = chart.log;
    line.append(element("label", { class: "tick soft" }, tick, "log scale"));
  }
  return line;
}

class Lines {
  constructor(options) {
    Object.assign(this, options);
    this.data = null;
    this.at = null; // the place that is read
  }

  fill(box, height) {
    const { canvas, redraw, describe } = crisp(box, height, this.label, (pen, width, height) => this.#draw(pen, width, height));
    this.redraw = redraw;
    this.describe = describe;
    this.readout = element("div", { class: "chart-readout", hidden: true });
    box.append(this.readout);
    canvas.tabIndex = 0;
    canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.#read(null));
    canvas.addEventListener("blur", () => this.#read(null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  show(data) {
    this.data = data && data.x.length ? { x: data.x, lines: this.#lines(data.series), mark: data.mark ?? null, least: data.least ?? 0 } : null;
    if (this.at !== null) this.#read(Math.min(this.at, (this.data?.x.length ?? 0) - 1));
    this.redraw();
    this.describe(this.#said());
  }

  scale(log) {
    this.log = log;
    this.redraw();
  }

  #lines(series) {
    return series.map(({ name, values }, i) => {
      const place = this.known.findIndex((one) => one.name === name);
      const known = this.known[place] ?? {};
      const number = place < 0 ? i : place;
      const color = known.color ?? classColors()[number % 8];
      return { label: known.label ?? name, color, dash: DASHES[number % DASHES.length], values };
    });
  }

  // --- reading --------------------------------------------------------------------------------

  #point(offset) {
    if (!this.data || !this.across) return;
    const wanted = this.across.value(offset);
    let nearest = 0;
    this.data.x.forEach((one, i) => {
      if (Math.abs(one - wanted) < Math.abs(this.data.x[nearest] - wanted)) nearest = i;
    });
    this.#read(nearest);
  }

  #key(event) {
    if (!this.data || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.data.x.length - 1;
    const at = this.at ?? last;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#read(to === null ? null : Math.max(0, Math.min(last, to)));
  }

  #read(at) {
    this.at = at < 0 ? null : at;
    this.readout.hidden = this.at === null;
    if (this.at !== null) this.readout.textContent = this.#figures(this.at);
    this.redraw();
  }

  #figures(at) {
    const values = this.data.lines.map(({ label, values }) => `${label} ${figure(values[at])}`);
    return `${this.x} ${figure(this.data.x[at])}: ${values.join(", ")}`;
  }

  #said() {
    return this.data ? `${this.label}. ${this.#figures(this.data.x.length - 1)}` : `${this.label}: nothing yet`;
  }

  // --- drawing --------------------------------------------------------------------------------

  #draw(pen, width, height) {
    const right = this.#room(pen);
    const area = { left: LEFT, right: width - right, top: TOP, bottom: height - BOTTOM };
    const down = this.#down(area);
    this.across = this.#across(area);
    this.#axes(pen, area, this.across, down, width);
    if (!this.data) return;
    pen.save();
    pen.beginPath();
    pen.rect(area.left - 2, area.top - 3, area.right - area.left + 4, area.bottom - area.top + 6);
    pen.clip();
    for (const line of this.data.lines) stroke(pen, line, this.data.x, this.across, down);
    pen.restore();
    this.#ends(pen, area, down);
    const at = this.at ?? this.data.mark;
    if (at !== null) this.#cursor(pen, area, down, at);
  }

  /** The room that the labels at the ends of the lines need; known beforehand where they are. */
  #room(pen) {
    lettering(pen);
    const labels = [...this.known.map((one) => one.label ?? one.name), ...(this.data?.lines ?? []).map((one) => one.label)];
    return 14 + Math.max(10, ...labels.map((one) => pen.measureText(one).width));
  }

  #across({ left, right }) {
    const from = this.data ? Math.min(0, this.data.x[0]) : 0;
    const last = this.data ? this.data.x[this.data.x.length - 1] : from;
    const to = last > from ? last : from + 1;
    const scale = (right - left) / (to - from);
    return { from, to, place: (value) => left + (value - from) * scale, value: (at) => from + (at - left) / scale };
  }

  #down({ top, bottom }) {
    const usable = this.log ? (one) => one > 0 && isFinite(one) : isFinite;
    let [low, high] = [Infinity, -Infinity];
    for (const { values } of this.data?.lines ?? []) {
      for (const one of values) {
        if (!usable(one)) continue;
        if (one < low) low = one;
        if (one > high) high = one;
      }
    }
    [low, high] = this.#range(low, high);
    const bend = this.log ? Math.log10 : (one) => one;
    const scale = (bottom - top) / (bend(high) - bend(low));
    const count = Math.max(2, Math.round((bottom - top) / 42));
    const ticks = this.log ? logTicks(low, high, count) : evenTicks(low, high, count);
    return { ticks, usable, place: (value) => bottom - (bend(value) - bend(low)) * scale };
  }

  #range(low, high) {
    if (low > high) [low, high] = this.log ? [0.1, 1] : [0, 1];
    if (this.log) {
      low = Math.max(low, this.data?.least ?? 0);
      if (high < low * 1.5) [low, high] = [low / 1.5, high * 1.5];
      return [low / 1.1, high * 1.1];
    }
    low = this.low ?? Math.min(0, low);
    high = this.high ?? Math.max(high, low + 1e-9);
    const ticks = evenTicks(low, high, 6);
    const step = ticks.length > 1 ? ticks[1] - ticks[0] : high - low;
    const upper = this.high ?? Math.ceil(high / step - 1e-9) * step; // to the next round number
    return [this.low ?? Math.floor(low / step + 1e-9) * step, upper];
  }

  #axes(pen, area, across, down, width) {
    pen.lineWidth = 1;
    pen.strokeStyle = colorOf("--rule");
    pen.fillStyle = colorOf("--soft");
    lettering(pen, { size: 11, align: "right" });
    for (const tick of down.ticks) {
      const y = Math.round(down.place(tick)) + 0.5;
      segment(pen, area.left, y, area.right, y);
      pen.fillText(tickText(tick), area.left - 6, y);
    }
    lettering(pen, { size: 11, align: "center", baseline: "alphabetic" });
    const count = Math.max(2, Math.round((area.right - area.left) / 60));
    const y = area.bottom + 15;
    const begin = Math.min(area.right + 14, width - pen.measureText(this.x).width); // of the name
    for (const tick of this.data ? evenTicks(across.from, across.to, count) : []) {
      const text = tickText(tick);
      const at = across.place(tick);
      if (at + pen.measureText(text).width / 2 < begin - 4) pen.fillText(text, at, y);
    }
    pen.textAlign = "left";
    pen.fillText(this.x, begin, y);
  }

  #ends(pen, area, down) {
    const ends = this.data.lines
      .map((line) => ({ line, value: lastOf(line.values, down.usable) }))
      .filter(({ value }) => value !== undefined)
      .map(({ line, value }) => ({ line, y: clamp(down.place(value), area.top, area.bottom) }))
      .sort((a, b) => a.y - b.y);
    ends.forEach((end, i) => (end.to = i ? Math.max(end.y, ends[i - 1].to + APART) : end.y));
    for (let i = ends.length - 1, most = area.bottom; i >= 0; i--, most = ends[i + 1].to - APART) {
      ends[i].to = Math.min(ends[i].to, most);
    }
    lettering(pen);
    for (const { line, y, to } of ends) {
      pen.fillStyle = colorOf(line.color);
      dot(pen, area.right, y, 2.5);
      pen.fillStyle = colorOf("--ink");
      pen.fillText(line.label, area.right + 8, to);
    }
  }

  #cursor(pen, area, down, at) {
    const x = this.across.place(this.data.x[at]);
    pen.strokeStyle = colorOf("--soft");
    segment(pen, Math.round(x) + 0.5, area.top, Math.round(x) + 0.5, area.bottom);
    for (const { values, color } of this.data.lines) {
      if (!down.usable(values[at])) continue;
      pen.fillStyle = colorOf(color);
      dot(pen, x, down.place(values[at]), 3.5);
    }
  }
}

function stroke(pen, { values, color, dash }, x, across, down) {
  pen.strokeStyle = colorOf(color);
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  pen.setLineDash(dash);
  pen.beginPath();
  let drawing = false;
  for (let i = 0; i < x.length; i++) {
    const usable = down.usable(values[i]);
    if (usable) pen[drawing ? "lineTo" : "moveTo"](across.place(x[i]), down.place(values[i]));
    drawing = usable;
  }
  pen.stroke();
  pen.setLineDash([]);
}

function lastOf(values, usable) {
  for (let i = values.length - 1; i >= 0; i--) if (usable(values[i])) return values[i];
  return undefined;
}

function segment(pen, x, y, toX, toY) {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(toX, toY);
  pen.stroke();
}

function dot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}
