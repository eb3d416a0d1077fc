// The settings of an experiment in the address of the page, so that an experiment is a link.
//
// #name=value&... with what is not as usual. Lists of numbers are written 4,2 and points, three
// numbers each, as x,y,label;x,y,label with coordinates of three decimals.

/** Whether a hash speaks of settings; others name a place in the page. */
export function isSettings(hash) {
  return hash.length <= 1 || hash.includes("=");
}

/** The settings that the address names, as far as the table has them; the rest is passed over. */
export function settingsOf(hash, table) {
  const found = {};
  for (const [name, text] of pairs(hash)) {
    if (Object.hasOwn(table, name)) found[name] = read(table[name], text);
  }
  return found;
}

/** The names that the address has and the table has not. */
export function unknownIn(hash, table) {
  return pairs(hash)
    .map(([name]) => name)
    .filter((name) => !Object.hasOwn(table, name));
}

/** The address of settings: "#..." or "". */
export function hashOf(settings, table) {
  const parts = [];
  for (const [name, setting] of Object.entries(table)) {
    if (same(settings[name], setting.usual)) continue;
    const text = encodeURIComponent(written(setting, settings[name]));
    parts.push(`${encodeURIComponent(name)}=${text.replace(/%2C/g, ",").replace(/%3B/g, ";")}`);
  }
  return parts.length ? "#" + parts.join("&") : "";
}

/** Whether two plain values are alike. */
export function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function pairs(hash) {
  return isSettings(hash) ? [...new URLSearchParams(hash.replace(/^#/, "").replace(/\+/g, "%2B"))] : [];
}

// What cannot be read stays as it is, so that the service says what is wrong with it.
function read(setting, text) {
  switch (setting.kind) {
    case "amount":
    case "count":
      return number(text);
    case "flag":
      return text === "1" ? true : text === "0" ? false : text;
    case "several":
      return text.split(",");
    case "sizes":
      return text === "" ? [] : text.split(",").map(number);
    case "points":
      return text === "" ? [] : text.split(";").map((point) => point.split(",").map(number));
    default:
      return text;
  }
}

function number(text) {
  return text.trim() === "" || !isFinite(text) ? text : Number(text);
}

function written(setting, value) {
  switch (setting.kind) {
    case "flag":
      return value ? "1" : "0";
    case "points":
      return value.map((point) => point.map((one) => Math.round(one * 1000) / 1000).join(",")).join(";");
    default:
      return String(value);
  }
}
