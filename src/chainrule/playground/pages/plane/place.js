// The point that the panels are about: the last one pointed at, and before that one of the data.

/** Whoever needs it: `place.now` is {x, y, label} or null; `onPlace(show)` when it moves. */
export class Place {
  constructor(point, data) {
    this.pointed = null;
    this.data = data;
    this.listeners = [];
    point.onSettled((settled) => settled && this.#moved({ x: settled.x, y: settled.y, label: settled.label ?? null }));
    // Under other data the label of before means nothing.
    data.onData(() => this.#moved(this.pointed && { ...this.pointed, label: null }));
  }

  get now() {
    return this.pointed ?? this.#first();
  }

  onPlace(show) {
    this.listeners.push(show);
  }

  #moved(pointed) {
    this.pointed = pointed;
    for (const show of this.listeners) show();
  }

  #first() {
    const train = this.data.now?.train;
    return train?.y.length ? { x: train.x[0], y: train.x[1], label: train.y[0] } : null;
  }
}

/** The place in words. */
export function placeInWords({ x, y, label }, frame) {
  const classes = frame?.classes ?? [];
  const said = label === null ? "" : classes.length ? `, of class ${classes[label] ?? label}` : `, where the data say ${short(label)}`;
  return `At (${short(x)}, ${short(y)})${said}`;
}

function short(value) {
  return String(+value.toFixed(3)).replace("-", "−");
}
