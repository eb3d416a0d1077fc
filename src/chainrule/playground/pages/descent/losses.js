// Heights over the steps, above the lowest point, so that a logarithmic scale has a place for them.

import { lineChart } from "../shared/charts.js";
import { colorFor } from "./marks.js";
import { longest } from "./paths.js";

/** Fill `box` with the chart. */
export function layOutLosses(experiment, clock, labels, box) {
  const series = Object.keys(labels).map((name) => ({ name, label: labels[name], color: colorFor(name) }));
  const chart = lineChart(box, { label: "Height above the lowest point", x: "step", height: 170, log: true, series });
  let drawn = null;
  experiment.onFrame(({ paths, depths }) => {
    const [last, lowest] = [longest(paths), Math.min(...depths)];
    const x = Array.from({ length: last + 1 }, (_, step) => step);
    const start = Math.max(...Object.values(paths).map(({ value }) => value[0] - lowest));
    drawn = {
      x,
      least: 1e-8 * start,
      series: Object.entries(paths).map(([name, { value }]) => ({
        name,
        values: x.map((step) => (step < value.length ? value[step] - lowest : NaN)),
      })),
    };
    chart.show({ ...drawn, mark: Math.min(clock.step, last) });
  });
  let shown = null;
  clock.onTick(() => {
    if (!drawn || shown === clock.step) return;
    shown = clock.step;
    chart.show({ ...drawn, mark: Math.min(shown, drawn.x.length - 1) });
  });
}
