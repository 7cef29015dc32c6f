// Creates elements, and formats times and names. Text of users becomes text nodes only.

import { initialsOf } from "./initials.js";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  add: ["M12 5v14", "M5 12h14"],
  copy: ["M9 9h10v11H9z", "M5 15V4h10"],
  bell: ["M6 16V11a6 6 0 0 1 12 0v5l1.5 2.5h-15z", "M10 21.5h4"],
  bellOff: ["M6 16V11a6 6 0 0 1 12 0v5l1.5 2.5h-15z", "M10 21.5h4", "M4 3l16 18"],
  back: ["M15 5l-7 7 7 7"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  down: ["M12 5v14", "M6 13l6 6 6-6"],
  up: ["M12 19V5", "M6 11l6-6 6 6"],
  people: ["M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z", "M2.5 20c.6-3.6 3.2-5.5 6.5-5.5s5.9 1.9 6.5 5.5", "M16 4.3a3.5 3.5 0 0 1 0 6.4", "M18 15.2c2 .8 3.2 2.5 3.5 4.8"],
  more: ["M5 12h.01", "M12 12h.01", "M19 12h.01"],
  search: ["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z", "M15.5 15.5L20 20"],
  send: ["M4 12h15", "M13 6l6 6-6 6"],
  pin: ["M9 4h6l-1 7 3 3H7l3-3z", "M12 14v6"],
  reply: ["M10 8V4L3 11l7 7v-4c5 0 8 1.5 11 5-1-7-4.5-10.5-11-11z"],
  smile: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M8.5 14.5c.9 1.2 2.1 1.8 3.5 1.8s2.6-.6 3.5-1.8", "M9 9.5h.01", "M15 9.5h.01"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  checks: ["M1.5 12.5l4.5 4.5L14.5 8", "M11 16.5l.5.5L22 7"],
};

export const $ = (id) => document.getElementById(id);

/** Creates an element. Functions become listeners, everything else attributes; absent values are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return fill(node, ...children);
}

/** Replaces the content of an element; absent values are left out. */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child != null && child !== false && child !== ""));
  return node;
}

/** Replaces the children of a parent. Moves as few as possible, and keeps the focus. */
export function arrange(parent, nodes) {
  const focused = document.activeElement;
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  for (const d of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Initials on a colour that is fixed for an id, with a dot for a status. Groups are square. */
export function avatar(id, name, status, group = false) {
  let hash = 0;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  const classes = `avatar hue-${hash % 8}${group ? " group" : ""}`;
  return el("span", { class: classes, "aria-hidden": "true", "data-status": status }, el("span", { class: "initials" }, initialsOf(name)));
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekdayFormat = new Intl.DateTimeFormat("en", { weekday: "long" });
const dayFormat = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });
const oldDayFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "long", year: "numeric" });
const shortFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

export const clock = (time) => clockFormat.format(time);
export const fullTime = (time) => `${oldDayFormat.format(time)}, ${clockFormat.format(time)}`;

const daysAgo = (time) => {
  const midnight = (date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(new Date()) - midnight(time)) / 86_400_000);
};

export function dayName(time) {
  const ago = daysAgo(time);
  if (ago <= 0) return "Today";
  if (ago === 1) return "Yesterday";
  return ago < 300 ? dayFormat.format(time) : oldDayFormat.format(time);
}

/** Formats a time for a list: the time of today, or the day. */
export function shortTime(time) {
  const ago = daysAgo(time);
  if (ago <= 0) return clock(time);
  if (ago === 1) return "Yesterday";
  return ago < 7 ? weekdayFormat.format(time) : shortFormat.format(time);
}

export const counted = (count, noun, plural = `${noun}s`) => `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;

/** Debounces: runs the work after a short pause without calls. */
export function quietly(work, milliseconds) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), milliseconds);
  };
}
