// Requests to the service, and frames from it. Knows addresses and arrays, no page.
//
// Addresses are relative, so that the token, which stands first in the path, goes with each.

const TYPES = { f4: Float32Array, u1: Uint8Array, i1: Int8Array, i4: Int32Array };

/** Plain values as they were before they were sent: arrays are typed arrays with a `shape`. */
export function decoded(value) {
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== "object") return value;
  if (value.$ in TYPES) return array(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, decoded(one)]));
}

function array({ $, shape, bytes }) {
  const raw = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
  const found = new TYPES[$](raw.buffer);
  found.shape = shape;
  return found;
}

/** What the service says at an address; a refusal is thrown as an `Error` with its sentence. */
export function ask(path) {
  return answerOf(path, {});
}

/** Likewise, to a body: a file, or plain values. */
export function post(path, body = {}, { keepalive = false } = {}) {
  const isFile = body instanceof Blob;
  return answerOf(path, {
    method: "POST",
    headers: { "Content-Type": isFile ? "application/octet-stream" : "application/json" },
    body: isFile ? body : JSON.stringify(body),
    keepalive,
  });
}

async function answerOf(path, request) {
  const response = await fetch(path, request).catch(() => {
    throw new Gone("the playground does not answer; start chainrule play again");
  });
  const answer = await response.json().catch(() => ({ error: response.statusText }));
  if (response.ok) return decoded(answer);
  throw new (response.status === 410 ? Gone : Error)(answer.error);
}

/** The experiment is no longer there, or the whole service. */
export class Gone extends Error {}

/** Frames of an experiment as they come, to `show`; `lost` is called when the stream breaks. */
export function frames(name, show, lost) {
  const stream = new EventSource(`api/${name}/frames`);
  stream.onmessage = (event) => show(decoded(JSON.parse(event.data)));
  stream.onerror = () => {
    stream.close();
    lost();
  };
  return stream;
}
