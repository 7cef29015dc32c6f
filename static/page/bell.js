// The bell of the open conversation: what the user is notified of in it, on all devices; and what this device does.

import { $, el, fill, fullTime, icon } from "./dom.js";
import { isMuted, setMuted } from "./notify.js";
import { canNotify } from "./on-screen.js";
import { client, on, view } from "./page-client.js";
import { afterPress } from "./press.js";

const LEVELS = { all: "All messages", mentions: "Mentions of me", none: "Nothing" };
const HOUR_MS = 3_600_000;
const MORNING = 8; // o'clock
const ENDS = {
  hour: { words: "An hour", time: () => new Date(Date.now() + HOUR_MS) },
  tomorrow: { words: "Until tomorrow", time: tomorrow },
  ever: { words: "For ever", time: () => null },
  stop: { words: "Stop", time: () => null },
};
const TIMER_MOST_MS = 2 ** 31 - 1; // browsers take no longer time
let timer = 0;
let problem = "";

export function startBell() {
  const bell = $("bell");
  document.addEventListener("click", (event) => event.composedPath().includes(bell) || bell.removeAttribute("open"));
  bell.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !bell.open) return;
    bell.removeAttribute("open");
    $("bell-summary").focus();
  });
  bell.addEventListener("toggle", () => { problem = ""; render(); });
  for (const topic of ["opened", "conversations", "settings"]) on(topic, render);
}

function render() {
  clearTimeout(timer);
  const id = view.openId;
  $("bell").hidden = !client.conversations.has(id);
  if ($("bell").hidden) return;
  const choice = client.notifications.of(id);
  const quiet = client.notifications.doNotDisturbUntil;
  const words = `${LEVELS[choice.level]}${choice.until ? ` ${untilWords(choice.until)}` : ""}${quiet ? ", do not disturb" : ""}`;
  if ($("bell-summary").title !== `Notifications: ${words}`) {
    $("bell-summary").setAttribute("aria-label", `Notifications: ${words}`);
    $("bell-summary").title = `Notifications: ${words}`;
    $("bell-summary").replaceChildren(icon(choice.level === "none" || quiet ? "bellOff" : "bell"));
    $("bell-summary").dataset.level = choice.level;
  }
  const end = Math.min(...[choice.until, quiet].filter(Boolean).map((time) => new Date(time)));
  if (end < Infinity) timer = setTimeout(() => afterPress(render), Math.min(Math.max(end - Date.now(), 0) + 1, TIMER_MOST_MS));
  if ($("bell").open) renderMenu(id, choice, quiet);
  else clearMenu(); // it opens with the next conversation's choice, and not with this one's
}

// Events change the conversations often, and a button that is replaced between press and release takes no click.
let drawn = "";

function renderMenu(id, choice, quiet) {
  const value = JSON.stringify([id, choice, quiet, problem, canNotify() && Notification.permission]);
  if (value === drawn) return;
  drawn = value;
  const focused = document.activeElement?.dataset.key;
  const set = (level, end) => act(() => client.notifications.set(id, level, end));
  const disturb = (end) => act(() => client.notifications.doNotDisturb(end));
  fill($("bell-menu"),
    el("fieldset", { class: "bell-part" },
      el("legend", {}, "Notify me of"),
      ...Object.entries(LEVELS).map(([level, words]) => el("label", { class: "bell-choice" },
        el("input", {
          type: "radio", name: "bell-level", value: level, "data-key": level, "data-testid": `bell-${level}`,
          checked: level === choice.level, change: () => set(level, null),
        }), words))),
    choice.level !== "all" && ends("For how long", "level", ["hour", "tomorrow", "ever"], (end) => set(choice.level, end), choice.until ? "" : "ever"),
    choice.until && el("p", { class: "hint" }, `All messages again from ${fullTime(new Date(choice.until))}.`),
    ends("Do not disturb me", "quiet", ["hour", "tomorrow", ...(quiet ? ["stop"] : [])], disturb),
    quiet && el("p", { class: "hint" }, `No conversation disturbs you ${untilWords(quiet)}.`),
    ...device(),
    problem && el("p", { class: "problem", role: "alert" }, problem));
  if (focused) $("bell-menu").querySelector(`[data-key="${focused}"]`)?.focus();
}

function clearMenu() {
  drawn = "";
  $("bell-menu").replaceChildren();
}

/** Buttons for the end of a choice. `current` is the one that holds now, where that can be told. */
function ends(legend, name, keys, choose, current) {
  return el("fieldset", { class: "bell-part" },
    el("legend", {}, legend),
    el("div", { class: "bell-ends" }, ...keys.map((key) => el("button", {
      type: "button", class: "secondary", "data-key": `${name}-${key}`, "data-testid": `bell-${name}-${key}`,
      "aria-pressed": current === undefined ? null : String(key === current), click: () => choose(ENDS[key].time()),
    }, ENDS[key].words))));
}

/** What this device does. Only a click asks the browser for its permission. */
function device() {
  if (!canNotify()) return [el("p", { class: "hint" }, "Notifications and sounds need HTTPS.")];
  const ask = async () => {
    await Notification.requestPermission();
    render();
  };
  const sound = el("label", { class: "bell-choice" },
    el("input", { type: "checkbox", "data-key": "sound", "data-testid": "bell-sound", checked: !isMuted(), change: ({ target }) => setMuted(!target.checked) }),
    "Sound on this device");
  const { permission } = Notification;
  return [
    sound,
    permission === "default" && el("button", { type: "button", class: "secondary", "data-key": "allow", "data-testid": "bell-allow", click: ask }, "Show notifications on this device"),
    permission === "denied" && el("p", { class: "hint" }, "Your browser lets this page show no notifications. Its settings can change that."),
  ];
}

async function act(work) {
  try {
    problem = "";
    await work();
  } catch (error) {
    problem = error.message;
  }
  afterPress(render);
}

function tomorrow() {
  const morning = new Date();
  morning.setDate(morning.getDate() + 1);
  morning.setHours(MORNING, 0, 0, 0);
  return morning;
}

const untilWords = (time) => `until ${fullTime(new Date(time))}`;
