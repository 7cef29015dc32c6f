// The messages of the open conversation. Thousands can be loaded: the page has rows for those around the visible ones alone, and moves this
// window as the reader scrolls.

import { startAnnouncer } from "./announcer.js";
import { $, el } from "./dom.js";
import { keepFocus } from "./focus.js";
import { startJumps, toNewest } from "./jump.js";
import { drawLaterState } from "./later.js";
import { startMessageActions } from "./message-actions.js";
import { client, on, view } from "./page-client.js";
import { drawReading, endReading, noteReading, startReading } from "./reading.js";
import { RowList } from "./row-list.js";
import { bringToTop, distanceToEnd, isAtEnd, keepPlace, leavePlace, placeIn, pinToEnd, restorePlace, startScroll } from "./scroll.js";

const AHEAD = 800; // pixels outside of the visible part that have rows
const FEWEST_ROWS = 100; // as a conversation opens
const MOST_ROWS = 300; // so that a change of one row costs the same however much is loaded
const STEP = 50; // rows
const MOST_AT_END = 1000; // messages: a page that stays open for a week must not hold a week of them
const MOST_LEFT = 100; // messages of a conversation that is not open
const MOST_FOR_PLACE = 500; // the same, where the reader has scrolled up

let list = null;
let shownId = null;
let from = 0; // the window begins at the message with this number
let to = Infinity; // and ends with this one, or follows the newest
let isStale = false; // something other than messages has changed that rows show
let isAwaited = false;

export function startTimelineView() {
  list = new RowList($("messages"));
  startScroll({ rows: () => list.inOrder, isWhole, moved });
  startReading({ reveal });
  startJumps({ reveal, showNewest });
  startMessageActions($("messages"));
  startAnnouncer();
  for (const topic of ["opened", "timeline", "outbox", "conversations"]) on(topic, later);
  for (const topic of ["people", "connection", "receipts", "rows"]) on(topic, () => {
    isStale = true;
    later();
  });
  return { toNewest };
}

// The rows go on to the newest message, which a range in the middle of the history does not have.
const isWhole = () => to === Infinity && client.history.get(view.openId)?.isNewest !== false;

function showNewest() {
  followNewest();
  pinToEnd();
  render();
}

/**
 * Shows a message that is loaded. Returns its row's element; null if it is not loaded.
 * @param {string} messageId
 */
function reveal(messageId) {
  const timeline = client.history.get(view.openId);
  const at = timeline?.messages.findIndex(({ id }) => id === messageId) ?? -1;
  if (at < 0) return null;
  spanAround(timeline, at);
  render();
  const { node } = list.inOrder.find(({ item }) => item.message.id === messageId);
  bringToTop(node);
  return node;
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

function render() {
  if (shownId !== view.openId) showOther();
  for (const [id, other] of client.history.timelines) if (id !== view.openId) other.trim(MOST_FOR_PLACE);
  const timeline = client.history.get(view.openId);
  if (!timeline) return;
  if (isAtEnd()) {
    timeline.trim(MOST_AT_END);
    if (list.inOrder.length > MOST_ROWS) followNewest();
  }
  noteReading(timeline);
  keepPlace(() => layOut(timeline));
  drawReading();
  moveWindow();
}

function layOut(timeline) {
  const { messages } = timeline;
  keepFocus($("scroller"), () => {
    renderLoadState(timeline);
    drawLaterState(timeline);
  }, () => $("scroller"));
  if (messages.length && (from > messages.at(-1).seq || to < messages[0].seq)) spanOther(timeline);
  const start = indexOf(messages, from);
  const some = messages.slice(start, to === Infinity ? undefined : indexOf(messages, to + 1));
  keepFocus($("messages"), () => list.show(some, isWhole() ? client.outbox.in(view.openId) : [], isStale), () => $("scroller"));
  isStale = false;
}

function showOther() {
  const left = client.history.get(shownId);
  const place = leavePlace(shownId);
  const needed = place && left ? left.messages.length - indexOf(left.messages, place.seq) : 0;
  left?.trim(needed <= MOST_FOR_PLACE ? Math.max(MOST_LEFT, needed) : MOST_LEFT);
  shownId = view.openId;
  list.clear();
  followNewest();
  endReading();
  const timeline = client.history.get(shownId);
  const at = timeline?.messages.findIndex(({ id }) => id === placeIn(shownId)?.id) ?? -1;
  if (at < 0) return;
  spanAround(timeline, at);
  layOut(timeline);
  restorePlace(placeIn(shownId));
}

// The window

function followNewest() {
  const messages = client.history.get(view.openId)?.messages ?? [];
  [from, to] = [messages.at(-FEWEST_ROWS)?.seq ?? 0, Infinity];
}

function spanAround(timeline, at) {
  from = timeline.messages[Math.max(0, at - STEP)].seq;
  end(timeline, at + STEP);
}

// Another range was loaded.
function spanOther(timeline) {
  if (timeline.isNewest) followNewest();
  else spanAround(timeline, timeline.messages.length >> 1);
}

/** The window ends with the message at an index, or follows the newest if there is none behind it. */
function end({ messages, isNewest }, index) {
  if (index < messages.length - 1) to = messages[index].seq;
  else to = isNewest ? Infinity : messages.at(-1).seq;
}

/** Returns the index of the first message with this number or a greater one. */
function indexOf(messages, seq) {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function moved() {
  drawReading();
  moveWindow();
}

// Near an edge of the window more rows are added there, and taken away at the other edge. Beyond the loaded messages others are loaded.
function moveWindow() {
  const timeline = client.history.get(view.openId);
  if (!timeline?.isLoaded || !timeline.messages.length || !$("scroller").clientHeight) return;
  const isMoved = ($("scroller").scrollTop < AHEAD && extendUp(timeline)) || (!isWhole() && distanceToEnd() < AHEAD && extendDown(timeline));
  if (isMoved) later();
}

function extendUp(timeline) {
  const { messages } = timeline;
  const start = indexOf(messages, from);
  if (start === 0) return loadEarlier(timeline);
  const next = Math.max(0, start - STEP);
  from = messages[next].seq;
  if (!isAtEnd() && list.inOrder.length + STEP > MOST_ROWS) end(timeline, next + MOST_ROWS - 1);
  return true;
}

function extendDown(timeline) {
  const { messages } = timeline;
  const last = Math.min(indexOf(messages, to), messages.length - 1);
  if (last === messages.length - 1 && !timeline.isNewest) return loadLater(timeline);
  const next = last + STEP;
  end(timeline, next);
  if (list.inOrder.length + STEP > MOST_ROWS) from = messages[Math.max(0, Math.min(next + 1, messages.length) - MOST_ROWS)].seq;
  return true;
}

function loadEarlier({ messages, state, isComplete }) {
  if (state !== "idle" || isComplete) return false;
  from = messages[0].seq; // the window grows by its own steps
  client.history.loadEarlier(view.openId);
  return false;
}

function loadLater({ messages, laterState }) {
  if (laterState !== "idle") return false;
  to = messages.at(-1).seq;
  client.history.loadLater(view.openId);
  return false;
}

function renderLoadState(timeline) {
  const line = $("load-state");
  $("scroller").setAttribute("aria-busy", String(timeline.state === "loading"));
  const isBeginning = timeline.isComplete && indexOf(timeline.messages, from) === 0;
  const state = timeline.state !== "idle" ? timeline.state : isBeginning ? "complete" : "more";
  if (line.dataset.state === state && state === "failed") return; // a new button would lose the focus
  line.dataset.state = state;
  if (state === "failed") {
    line.replaceChildren("Earlier messages could not be loaded. ",
      el("button", { type: "button", class: "link", click: () => client.history.loadEarlier(view.openId) }, "Try again"));
  } else if (line.textContent !== loadWords(timeline, isBeginning)) {
    line.textContent = loadWords(timeline, isBeginning);
  }
}

function loadWords(timeline, isBeginning) {
  if (!isBeginning) return timeline.isLoaded ? "Loading earlier messages…" : "Loading messages…";
  if (timeline.messages.length) return "This is where it began.";
  return client.conversations.get(view.openId)?.type === "direct" ? "Nothing said yet. Break the ice!" : "A fresh group. Say the first word!";
}
