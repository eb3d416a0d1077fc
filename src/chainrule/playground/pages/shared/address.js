// The settings of an experiment in the address of the page, so that an experiment is a link.
//
// #name=value&... with what is not as usual. Lists of numbers are written 4,2 and points, three
// numbers each, as x,y,label;x,y,label with coordinates of three decimals.

/** The settings that the address names, as far as the table has them; the rest is passed over. */
export function settingsOf(hash, table) {
  const found = {};
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (name in table) found[name] = read(table[name], text);
  }
  return found;
}

/** The address of settings: "#..." or "". */
export function hashOf(settings, table) {
  const parts = [];
  for (const [name, setting] of Object.entries(table)) {
    if (same(settings[name], setting.usual)) continue;
    parts.push(`${name}=${encodeURIComponent(written(setting, settings[name])).replace(/%2C/g, ",").replace(/%3B/g, ";")}`);
  }
  return parts.length ? "#" + parts.join("&") : "";
}

export function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function read(setting, text) {
  switch (setting.kind) {
    case "amount":
    case "count":
      return text.trim() === "" || !isFinite(text) ? text : Number(text);
    case "flag":
      return text === "1" ? true : text === "0" ? false : text;
    case "several":
      return text.split(",");
    case "sizes":
      return text === "" ? [] : text.split(",").map((one) => (isFinite(one) ? Number(one) : one));
    case "points":
      return text === "" ? [] : text.split(";").map((point) => point.split(",").map(Number));
    default:
      return text;
  }
}

function written(setting, value) {
  switch (setting.kind) {
    case "flag":
      return value ? "1" : "0";
    case "points":
      return value.map((point) => point.map((one) => +one.toFixed(3)).join(",")).join(";");
    default:
      return String(value);
  }
}
