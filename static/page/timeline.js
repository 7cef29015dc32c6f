// The messages of the open conversation, stored ones and pending ones, as rows. Rows are patched in place: message-row.js has their parts.

import { $, dayName, el } from "./dom.js";
import { startJumps, toNewest } from "./jump.js";
import { drawLaterState, loadIfNearEnd } from "./later.js";
import { startMessageActions } from "./message-actions.js";
import { MessageRow } from "./message-row.js";
import { nameOf, statusOf } from "./names.js";
import { client, on, view } from "./page-client.js";
import { drawReading, endReading, isLineBefore, noteReading, startReading, unreadLine } from "./reading.js";
import { enterPlace, isAtEnd, keepPlace, leavePlace, startScroll } from "./scroll.js";
import { startAnnouncer } from "./announcer.js";

const LOAD_AHEAD = 600; // pixels
const GROUP_MS = 5 * 60_000;
const MOST_SHOWN = 1000; // a page that stays open for a week must not hold a week of messages
const MOST_LEFT = 100; // of a conversation that is not open
const TRIM_STEP = 200; // removing thousands of rows at once would take as long as drawing them

const rows = new Map(); // key → a row: a message's id, or the number of a day
let shown = []; // the rows of messages in their order
let round = 0;
let shownId = null;
let isStale = false; // something other than messages has changed that rows show
let isAwaited = false;
let list = null;
let tabStop = null;

export function startTimelineView() {
  list = $("messages");
  startScroll(() => shown, moved);
  startReading(render);
  startJumps(render);
  startMessageActions(list);
  startAnnouncer();
  list.addEventListener("keydown", steer);
  for (const topic of ["opened", "timeline", "outbox", "conversations"]) on(topic, later);
  for (const topic of ["people", "connection", "receipts", "rows"]) on(topic, () => {
    isStale = true;
    later();
  });
  return { toNewest };
}

// Several topics of one announcement are one rendering.
function later() {
  if (isAwaited) return;
  isAwaited = true;
  queueMicrotask(() => {
    isAwaited = false;
    render();
  });
}

function moved() {
  drawReading();
  loadIfNearStart();
  loadIfNearEnd();
}

function loadIfNearStart() {
  const timeline = client.history.get(view.openId);
  if (timeline?.state === "idle" && !timeline.isComplete && $("scroller").scrollTop < LOAD_AHEAD) client.history.loadEarlier(view.openId);
}

function render() {
  if (shownId !== view.openId) showOther();
  const timeline = client.history.get(view.openId);
  if (!timeline) return;
  if (isAtEnd()) timeline.trim(Math.max(MOST_SHOWN, timeline.messages.length - TRIM_STEP));
  noteReading(timeline);
  keepPlace(() => {
    renderLoadState(timeline);
    layOut(timeline);
    drawLaterState(timeline);
  });
  if (timeline.isLoaded) enterPlace(view.openId);
  moved();
}

function showOther() {
  const left = client.history.get(shownId);
  left?.trim(Math.max(MOST_LEFT, leavePlace(shownId)));
  shownId = view.openId;
  rows.clear();
  shown = [];
  tabStop = null;
  list.replaceChildren();
  endReading();
}

function layOut(timeline) {
  round += 1;
  const nodes = [];
  shown = [];
  const unsent = timeline.isNewest ? client.outbox.in(view.openId) : [];
  let before = null;
  let hasLine = false;
  const add = (message, key, isLastPending) => {
    const known = rows.get(key);
    const isSame = known?.item.message === message && !message.state; // a pending message changes in place
    const time = isSame ? known.item.time : new Date(message.timestamp);
    const day = isSame ? known.item.day : dayOf(time);
    if (before?.day !== day) nodes.push(dayRow(day, time));
    if (!hasLine && isLineBefore(message, timeline)) {
      hasLine = true;
      rows.set("unread", { node: unreadLine(), round });
      nodes.push(unreadLine());
    }
    const senderId = message.sender_id ?? client.user.id; // a pending message has none yet
    const isSystem = message.type === "system";
    const first = isSystem || before?.day !== day || before.senderId !== senderId || time - before.time > GROUP_MS;
    const row = known ?? new MessageRow(isSystem);
    row.round = round;
    rows.set(key, row);
    if (!isSame || isStale || known.item.first !== first) {
      row.patch({ message, isSystem, senderId, mine: senderId === client.user.id, name: nameOf(senderId), status: statusOf(senderId), first, time, day, isLastPending });
    }
    nodes.push(row.node);
    shown.push(row);
    before = { day, time, senderId: isSystem ? null : senderId };
  };
  for (const message of timeline.messages) add(message, message.id, false);
  for (const [i, message] of unsent.entries()) {
    // An id that another user has used already may be shown twice here, until the message is sent with another id.
    const key = timeline.byId.has(message.id) ? `unsent ${message.id}` : message.id;
    add(message, key, !(unsent[i + 1]?.state === "pending" && unsent[i + 1].late === message.late));
  }
  isStale = false;
  arrangeRows(nodes);
  offer(shown.findLast((row) => !row.item.isSystem && !row.item.message.state)?.node);
}

const dayOf = (time) => (time.getFullYear() * 100 + time.getMonth()) * 100 + time.getDate();

function dayRow(day, time) {
  const row = rows.get(day) ?? { node: el("li", { class: "day" }, el("span", {})) };
  const name = dayName(time);
  if (row.node.textContent !== name) row.node.firstChild.textContent = name;
  row.round = round;
  rows.set(day, row);
  return row.node;
}

// Moves as few nodes as possible, and keeps the focus.
function arrangeRows(nodes) {
  const focused = document.activeElement;
  if (rows.size > nodes.length) for (const [key, row] of rows) if (row.round !== round) {
    row.node.remove();
    rows.delete(key);
  }
  let at = list.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else list.insertBefore(node, at);
  }
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
}

// The rows are one stop for Tab, and arrow keys move between them; only the focused row offers its buttons to Tab.
function steer(event) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
  if (!step || !event.target.matches(".message")) return;
  event.preventDefault();
  let next = event.target[step];
  while (next && !next.matches(".message[tabindex]")) next = next[step];
  next?.focus();
}

function offer(newest) {
  if (tabStop === newest) return;
  tabStop?.setAttribute("tabindex", "-1");
  newest?.setAttribute("tabindex", "0");
  tabStop = newest;
}

function renderLoadState(timeline) {
  const line = $("load-state");
  $("scroller").setAttribute("aria-busy", String(timeline.state === "loading"));
  line.dataset.state = timeline.state === "idle" ? (timeline.isComplete ? "complete" : "more") : timeline.state;
  if (line.dataset.state === "failed") {
    line.replaceChildren("Earlier messages could not be loaded. ",
      el("button", { type: "button", class: "link", click: () => client.history.loadEarlier(view.openId) }, "Try again"));
  } else {
    line.textContent = loadWords(timeline);
  }
}

function loadWords(timeline) {
  if (!timeline.isComplete) return timeline.isLoaded ? "Loading earlier messages…" : "Loading messages…";
  if (timeline.messages.length) return "This is where it began.";
  return client.conversations.get(view.openId)?.type === "direct" ? "Nothing said yet. Break the ice!" : "A fresh group. Say the first word!";
}
