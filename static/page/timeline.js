// The messages of the open conversation: stored ones, pending ones, and the reader's scroll position.

import { $, arrange, avatar, clock, dayName, el, fullTime, icon } from "./dom.js";
import { isEditing } from "./editing.js";
import { formatted, mentionsKnown } from "./format.js";
import { nameOf, statusOf } from "./names.js";
import { client, on, view } from "./page-client.js";
import { namesIn, sentence } from "./sentences.js";
import { actionsOf, offerRows, rightsOver, steerRows } from "./revise.js";

const NEAR_END = 60; // pixels that still count as being at the end
const LOAD_AHEAD = 600;
const GROUP_MS = 5 * 60_000;
const MOST_SHOWN = 1000; // a page that stays open for a week must not hold a week of messages

let rows = new Map(); // key → {node, signature}
let shownId = null;
let atEnd = true;
let newestSeq = 0;
let arrived = 0; // messages that arrived below the visible ones
let height = 0;
let scroller = null;

export function startTimelineView() {
  scroller = $("scroller");
  scroller.addEventListener("scroll", scrolled, { passive: true });
  new ResizeObserver(scrolled).observe(scroller);
  $("jump-newest").append(icon("down"), el("span", {}));
  $("jump-newest").addEventListener("click", () => {
    toNewest();
    $("composer-text").focus();
  });
  document.addEventListener("visibilitychange", readIfSeen);
  steerRows($("messages"));
  for (const topic of ["opened", "timeline", "outbox", "people", "connection"]) on(topic, render);
  return { toNewest };
}

function toNewest() {
  atEnd = true;
  stickToEnd();
  scrolled();
}

function stickToEnd() {
  scroller.scrollTop = scroller.scrollHeight;
}

function scrolled() {
  // A resize of the box (a keyboard, a longer draft) is no scrolling by the reader.
  if (scroller.clientHeight !== height && atEnd) stickToEnd();
  height = scroller.clientHeight;
  atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  if (atEnd) arrived = 0;
  renderJump();
  readIfSeen();
  loadIfNearStart();
}

function loadIfNearStart() {
  const timeline = client.history.get(view.openId);
  if (timeline?.state === "idle" && !timeline.isComplete && scroller.scrollTop < LOAD_AHEAD) client.history.loadEarlier(view.openId);
}

function readIfSeen() {
  if (atEnd && !document.hidden && client.history.get(view.openId)?.isLoaded) client.readState.markRead(view.openId);
}

function render() {
  if (shownId !== view.openId) showOther();
  const timeline = client.history.get(view.openId);
  if (!timeline) return;
  if (atEnd) timeline.trim(MOST_SHOWN);
  countArrived(timeline);
  const anchor = atEnd ? null : findAnchor();
  renderLoadState(timeline);
  arrange($("messages"), layOut([...timeline.messages, ...client.outbox.in(view.openId)]));
  offerRows($("messages"));
  // The visible messages stay in place when others are loaded above them.
  if (anchor) scroller.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
  else stickToEnd();
  renderJump();
  readIfSeen();
  loadIfNearStart();
}

function showOther() {
  client.history.get(shownId)?.trim(MOST_SHOWN / 10);
  shownId = view.openId;
  rows = new Map();
  $("messages").replaceChildren();
  atEnd = true;
  arrived = newestSeq = 0;
}

function countArrived(timeline) {
  if (newestSeq > 0 && !atEnd) {
    const fresh = timeline.messages.filter((message) => message.seq > newestSeq && message.sender_id !== client.user.id);
    arrived += fresh.length;
  }
  newestSeq = Math.max(newestSeq, timeline.messages.at(-1)?.seq ?? 0);
}

function findAnchor() {
  const top = scroller.getBoundingClientRect().top;
  const node = [...$("messages").children].find((row) => row.dataset.id && row.getBoundingClientRect().bottom > top);
  return node ? { node, top: node.getBoundingClientRect().top } : null;
}

function layOut(messages) {
  const kept = new Map();
  const nodes = [];
  const put = (key, signature, make) => {
    const known = rows.get(key);
    const row = known?.signature === signature ? known : { signature, node: make() };
    kept.set(key, row);
    nodes.push(row.node);
  };
  let before = null;
  for (const [i, message] of messages.entries()) {
    const time = new Date(message.timestamp);
    const day = time.toDateString();
    if (before?.day !== day) {
      const name = dayName(time);
      put(`day ${day}`, name, () => el("li", { class: "day" }, el("span", {}, name)));
    }
    // A pending message has no sender_id yet: it is the user's own.
    const senderId = message.sender_id ?? client.user.id;
    const system = message.type === "system";
    const first = system || before?.day !== day || before.senderId !== senderId || time - before.time > GROUP_MS;
    const name = system ? namesIn(message) : nameOf(senderId);
    const status = statusOf(senderId);
    const foot = footWords(message, messages[i + 1]);
    // An id that another user has used already may be shown twice here, until the message is sent with another id.
    put(message.state ? `unsent ${message.id}` : message.id, JSON.stringify([first, name, status, message.content, mentionsKnown(message), message.deleted_at, message.state, foot, rightsOver(message), isEditing(message.id)]), () =>
      system ? systemRow(message, time) : messageRow(message, { senderId, name, status, first, time, foot }));
    before = { day, time, senderId: system ? null : senderId };
  }
  rows = kept;
  return nodes;
}

const hooks = ({ id, seq, state }) => ({ "data-testid": "message", "data-id": id, "data-seq": seq, "data-state": state ?? "sent" });

function systemRow(message, time) {
  return el("li", { class: "system", ...hooks(message), title: fullTime(time) },
    el("span", { "data-testid": "message-text" }, ...sentence(message)));
}

function messageRow(message, { senderId, name, status, first, time, foot }) {
  const mine = senderId === client.user.id;
  const head = el("p", { class: "message-head" },
    el("span", { class: mine ? "sr-only" : "sender" }, mine ? "You" : name),
    el("time", { datetime: time.toISOString(), title: fullTime(time) }, clock(time)));
  const text = el("p", { class: `bubble${message.deleted_at ? " deleted" : ""}`, "data-testid": "message-text", title: fullTime(time) },
    ...(message.deleted_at ? ["This message was deleted"] : formatted(message.content, message)));
  const actions = actionsOf(message);
  const classes = ["message", mine && "mine", first && "first", actions && "mayrevise", isEditing(message.id) && "editing"];
  return el("li", { class: classes.filter(Boolean).join(" "), ...hooks(message) },
    !mine && first && avatar(senderId, name, status),
    first && head, el("div", { class: "said" }, text, actions), footOf(message, foot));
}

function footWords({ state, late, reason, edited_at, deleted_at }, next) {
  if (state === "failed") return `Not sent: ${reason}`;
  // Once for all adjacent pending messages.
  if (state === "pending") return next?.state === "pending" && next.late === late ? "" : progressWords(late);
  return edited_at && !deleted_at ? "Edited" : "";
}

function progressWords(isLate) {
  if (!client.connection.isLive) return "Waiting for the connection…";
  if (isLate) return "Not confirmed yet…";
  return client.outbox.isSlowed ? "That was fast! Sending one by one…" : "Sending…";
}

function footOf({ id, state }, words) {
  if (state !== "failed") return words && el("p", { class: "message-foot" }, words);
  return el("div", { class: "message-foot failed" },
    el("span", { "data-testid": "message-reason" }, words),
    el("button", { type: "button", class: "link", "data-testid": "retry", click: () => client.outbox.retry(id) }, "Retry"),
    el("button", { type: "button", class: "link", "data-testid": "discard", click: () => client.outbox.discard(id) }, "Discard"));
}

function renderLoadState(timeline) {
  const line = $("load-state");
  scroller.setAttribute("aria-busy", String(timeline.state === "loading"));
  line.dataset.state = timeline.state === "idle" ? (timeline.isComplete ? "complete" : "more") : timeline.state;
  if (line.dataset.state === "failed") {
    line.replaceChildren("Earlier messages could not be loaded. ",
      el("button", { type: "button", class: "link", click: () => client.history.loadEarlier(view.openId) }, "Try again"));
  } else if (line.dataset.state === "complete") {
    const direct = client.conversations.get(view.openId)?.type === "direct";
    line.textContent = timeline.messages.length ? "This is where it began."
      : direct ? "Nothing said yet. Break the ice!" : "A fresh group. Say the first word!";
  } else {
    line.textContent = timeline.isLoaded ? "Loading earlier messages…" : "Loading messages…";
  }
}

function renderJump() {
  const jump = $("jump-newest");
  jump.hidden = atEnd || !rows.size;
  jump.lastChild.textContent = arrived ? `${arrived} new` : "";
  jump.setAttribute("aria-label", arrived ? `${arrived} new messages, jump to the newest` : "Jump to the newest message");
}
