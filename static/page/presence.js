// Presence: that the user is at the page, and when the other user of a direct conversation was.

import { statusOf } from "./names.js";
import { changed, client, on, view } from "./page-client.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"];
const dateFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "long", year: "numeric" });
let before = { id: null, status: "" }; // the user of the open direct conversation, as the last look found them

export function startPresence() {
  client.presence.touch();
  for (const sign of SIGNS) addEventListener(sign, touch, { passive: true, capture: true });
  for (const topic of ["people", "opened"]) on(topic, lookUp);
  // The words grow older by themselves.
  setInterval(() => before.status === "offline" && changed("people"), MINUTE_MS);
}

function touch() {
  const wasAway = client.presence.isAway;
  client.presence.touch();
  if (wasAway) changed("timeline"); // what has come meanwhile is seen now
}

// When the other user goes, the server knows the time.
function lookUp() {
  const id = client.conversations.get(view.openId)?.peer?.id ?? null;
  const status = id ? statusOf(id) : "";
  const hasGone = before.id === id && before.status !== "offline" && status === "offline" && client.connection.isLive;
  before = { id, status };
  if (hasGone) client.rest.get(`/v1/users/${id}`).then((user) => client.people.learn(user), () => {}); // without it the words say "offline"
}

/** Returns how a user is, in words: online, away, or when they were seen last if they show it. */
export function presenceWords(userId) {
  const status = statusOf(userId);
  const seenAt = client.people.users.get(userId)?.last_seen_at;
  return status === "offline" && seenAt ? `last seen ${ago(new Date(seenAt))}` : status;
}

function ago(time) {
  const passed = Date.now() - time;
  if (passed < MINUTE_MS) return "just now";
  if (passed < HOUR_MS) return count(passed / MINUTE_MS, "minute");
  if (passed < DAY_MS) return count(passed / HOUR_MS, "hour");
  if (passed < 7 * DAY_MS) return count(passed / DAY_MS, "day");
  return `on ${dateFormat.format(time)}`;
}

function count(number, unit) {
  const whole = Math.floor(number);
  return `${whole} ${unit}${whole === 1 ? "" : "s"} ago`;
}
