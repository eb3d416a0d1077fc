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
  const letters = atob(bytes);
  const raw = new Uint8Array(letters.length);
  for (let i = 0; i < raw.length; i++) raw[i] = letters.charCodeAt(i);
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
  const error = new (response.status === 410 ? Gone : Error)(answer.error);
  error.status = response.status;
  throw error;
}

/** The experiment is no longer there, or the whole service; then it has no `status`. */
export class Gone extends Error {}

/**
 * Frames of an experiment as they come: `take(read)`, where `read()` is the frame, for not all are
 * shown; `lost` is called when the stream breaks.
 */
export function frames(name, take, lost) {
  const stream = new EventSource(`api/${name}/frames`);
  stream.onmessage = ({ data }) => take(() => decoded(JSON.parse(data)));
  stream.onerror = () => {
    stream.close();
    lost();
  };
  return stream;
}
