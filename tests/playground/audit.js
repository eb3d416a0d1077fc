// What can be found wrong with a page by looking at it: run in the page, returns lists of sentences.

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
const PRESSED = "a[href], button, input, select, summary, [role=button], [role=tab]";

const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
  willReadFrequently: true,
});
const known = new Map();

/** Red, green, blue, each 0 to 255, and how opaque, of a colour as style sheets have it. */
function rgba(color) {
  if (!known.has(color)) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    known.set(color, [r, g, b, a / 255]);
  }
  return known.get(color);
}

function over([r, g, b, a], [R, G, B]) {
  return [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
}

/** What lies behind an element; `null` where that is a picture. */
function ground(element) {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.backgroundImage !== "none") return null;
    const color = rgba(style.backgroundColor);
    if (color[3] > 0) layers.push(color);
    if (color[3] === 1) break;
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return layers.reduceRight((below, color) => over(color, below), dark ? [0, 0, 0] : [255, 255, 255]);
}

function light([r, g, b]) {
  const [x, y, z] = [r, g, b].map((one) => {
    const share = one / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function contrast(one, other) {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function isSeen(element) {
  return element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
}

function nameOf(element) {
  const id = element.id && `#${element.id}`;
  const text = (element.getAttribute("aria-label") ?? element.textContent).trim().slice(0, 30);
  const within = element.closest("[id]")?.id;
  return `<${element.tagName.toLowerCase()}${id} class="${element.getAttribute("class") ?? ""}"> "${text}" in #${within}`;
}

/** Texts that are hard to read. */
function faintTexts() {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest(":disabled, script, style, option, [aria-disabled=true]")) continue;
    if (!isSeen(element) || element.closest(".visually-hidden")) continue;
    const behind = ground(element);
    if (!behind) continue;
    const style = getComputedStyle(element);
    const ink = [...rgba(element.closest("svg") ? style.fill : style.color)];
    if (element.closest("svg")) ink[3] *= Number(style.fillOpacity);
    for (let one = element; one; one = one.parentElement) ink[3] *= Number(getComputedStyle(one).opacity);
    const ratio = contrast(over(ink, behind), behind);
    if (ratio < 4.5) found.add(`${ratio.toFixed(2)}: ${nameOf(element)}`);
  }
  return [...found];
}

/** What can be reached by the tab key, in its order. */
function stops() {
  return [...document.querySelectorAll(FOCUSABLE)].filter((one) => {
    if (one.tabIndex < 0 || one.disabled || !isSeen(one) || one.closest("[inert]")) return false;
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.right > 0;
  });
}

/** Steps of the tab key that go back: upwards without going to the right, or left on one line. */
function leapsBack() {
  const found = [];
  const all = stops().filter((one) => !(one.type === "radio" && !one.checked));
  all.forEach((to, i) => {
    if (to.tabIndex > 0) found.push(`${nameOf(to)} has a tabindex above 0`);
    if (!i) return;
    const [a, b] = [all[i - 1].getBoundingClientRect(), to.getBoundingClientRect()];
    const common = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    const sameLine = common > 0.5 * Math.min(a.height, b.height);
    const above = b.bottom <= a.top + 1 && b.left < a.right - 1;
    const before = sameLine && b.right <= a.left + 1;
    if (above || before) found.push(`from ${nameOf(all[i - 1])} ${above ? "up" : "left"} to ${nameOf(to)}`);
  });
  return found;
}

/** What shows no sign of having the focus. */
function focusUnseen() {
  const look = (one) => {
    const { outline, boxShadow, borderColor, backgroundColor, stroke, strokeWidth } = getComputedStyle(one);
    return [outline, boxShadow, borderColor, backgroundColor, stroke, strokeWidth].join("|");
  };
  const around = (one) => [one, one.parentElement, one.nextElementSibling].filter(Boolean);
  const before = document.activeElement;
  const found = [];
  for (const one of stops()) {
    document.activeElement?.blur?.();
    const without = around(one).map(look).join();
    one.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement === one && around(one).map(look).join() === without) found.push(nameOf(one));
  }
  document.activeElement?.blur?.();
  before?.focus?.({ preventScroll: true });
  return found;
}

/**
 * What is too small to be hit: buttons and links, and fields, which may be denser with a mouse.
 * Links within sentences are as high as their line, and parts of the drawn network as large as has
 * to be, for the list of layers does the same.
 */
function smallTargets(buttons, fields) {
  const found = [];
  for (const one of document.querySelectorAll(PRESSED)) {
    if (!isSeen(one) || one.disabled || one.closest(".skip, p a, li a")) continue;
    const target = one.matches("[type=checkbox], [type=radio]") ? (one.closest("label") ?? one) : one;
    const { width, height } = target.getBoundingClientRect();
    const drawn = one.closest("#network") !== null;
    const least = drawn ? 24 : one.matches("input, select") ? fields : buttons;
    if (width && (width < least - 0.6 || height < least - 0.6)) {
      found.push(`${Math.round(width)} x ${Math.round(height)}: ${nameOf(one)}`);
    }
  }
  return found;
}

/** How far the page is wider than the window, and what sticks out. */
function sticksOut() {
  const root = document.documentElement;
  const over = root.scrollWidth - root.clientWidth;
  if (over <= 0) return [];
  const found = [...document.body.querySelectorAll("*")].filter((one) => {
    const box = one.getBoundingClientRect();
    if (!isSeen(one) || box.right <= root.clientWidth + 0.5 || !box.width) return false;
    for (let up = one.parentElement; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== "visible") return false;
    }
    return true;
  });
  return [`${over} pixels too wide`, ...found.slice(0, 8).map(nameOf)];
}

/** Drawings that say nothing to whoever cannot see them. */
function wordless() {
  const drawings = document.querySelectorAll("canvas, svg, img, [role=img]");
  return [...drawings].filter((one) => {
    if (!isSeen(one) || one.closest("[aria-hidden=true], [role=img] *")) return false;
    return !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.alt || one.querySelector?.("title"));
  }).map(nameOf);
}

/** What moves although the person asked for less of that. */
function moving() {
  const slow = [...document.body.querySelectorAll("*")].filter((one) => {
    const { transitionDuration, animationName } = getComputedStyle(one);
    return transitionDuration.split(", ").some((time) => parseFloat(time) > 0) || animationName !== "none";
  });
  return [...document.getAnimations().map(String), ...slow.map(nameOf)];
}

/** Scripts and styles that a strict policy would not run. */
function inlineScripts() {
  const attributes = [...document.querySelectorAll("*")].filter((one) =>
    one.getAttributeNames().some((name) => name.startsWith("on")),
  );
  return [...document.querySelectorAll("script:not([src])"), ...attributes].map(nameOf);
}

const audit = { faintTexts, leapsBack, focusUnseen, smallTargets, sticksOut, wordless, moving, inlineScripts };
globalThis.audit = audit;
