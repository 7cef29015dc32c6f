// Creates elements, and formats times and names. Text of users becomes text nodes only.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  add: ["M12 5v14", "M5 12h14"],
  copy: ["M9 9h10v11H9z", "M5 15V4h10"],
  back: ["M15 5l-7 7 7 7"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  down: ["M12 5v14", "M6 13l6 6 6-6"],
  people: ["M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z", "M2.5 20c.6-3.6 3.2-5.5 6.5-5.5s5.9 1.9 6.5 5.5", "M16 4.3a3.5 3.5 0 0 1 0 6.4", "M18 15.2c2 .8 3.2 2.5 3.5 4.8"],
  send: ["M4 12h15", "M13 6l6 6-6 6"],
  smile: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M8.5 14.5c.8 1.2 2 1.8 3.5 1.8s2.7-.6 3.5-1.8", "M9 9.5h.01", "M15 9.5h.01"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
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
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "").join("");
  return el("span", { class: `avatar hue-${hash % 8}${group ? " group" : ""}`, "aria-hidden": "true", "data-status": status }, initials.toUpperCase());
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

/** Debounces: runs the work after a short pause without calls. */
export function quietly(work, milliseconds) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), milliseconds);
  };
}

/** A button for what cannot be undone: it acts on the second press, or on the first if `needed` returns false. */
export function twice(button, question, work, needed = () => true) {
  const label = button.textContent;
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = label;
  };
  button.addEventListener("click", () => {
    if (timer || !needed()) {
      calm();
      work();
    } else {
      button.textContent = question;
      timer = setTimeout(calm, 4000);
    }
  });
}
