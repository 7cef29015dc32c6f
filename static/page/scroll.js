// The reader's place in the messages: the end, or the first visible message. It stays when messages come, are loaded above, change their
// height or are hidden for another conversation. Scroll anchoring is done here, because browsers differ in it.

import { $ } from "./dom.js";
import { client, view } from "./page-client.js";

const NEAR_END = 60; // pixels that still count as being at the end
const MOST_KEPT = 500; // messages from the end on; a place behind them is given up when the reader leaves
const places = new Map(); // conversation id → the place in it, unless it is the end

let scroller = null;
let rows = () => [];
let moved = () => {};
let atEnd = true;
let place = null; // {row, id, top}: the first visible row, and its distance from the top
let isEntered = false; // the messages of the open conversation are there

/** `inOrder` returns the rows of messages. `then` runs when the reader may see others. */
export function startScroll(inOrder, then) {
  [scroller, rows, moved] = [$("scroller"), inOrder, then];
  scroller.addEventListener("scroll", scrolled, { passive: true });
  // A resize of the box (a keyboard, a longer draft, a rotated phone) is no scrolling by the reader.
  new ResizeObserver(() => {
    if (!scroller.clientHeight) return; // it is hidden
    restore();
    scrolled();
  }).observe(scroller);
}

// The end of a range in the middle of the history is not the end of the conversation.
export const isAtEnd = () => atEnd && client.history.get(view.openId)?.isNewest !== false;

export function toEnd() {
  atEnd = true;
  stickToEnd();
  scrolled();
}

function scrolled() {
  if (!scroller.clientHeight) return;
  note();
  moved();
}

function note() {
  atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  place = isAtEnd() ? null : firstVisible();
}

function stickToEnd() {
  scroller.scrollTop = scroller.scrollHeight;
}

/** Runs `change`, which changes rows. */
export function keepPlace(change) {
  if (scroller.clientHeight && !isAtEnd()) place = firstVisible();
  change();
  restore();
}

function restore() {
  if (isAtEnd()) stickToEnd();
  else if (place?.row.node.isConnected) scroller.scrollTop += distance(place.row) - place.top;
}

/** Scrolls so that an element is near the top. @param {Element} node */
export function bringToTop(node) {
  scroller.scrollTop += node.getBoundingClientRect().top - scroller.getBoundingClientRect().top - scroller.clientHeight / 4;
  scrolled();
}

/** Returns true if an element is above the visible part. @param {Element} node */
export const isAbove = (node) => node.getBoundingClientRect().bottom < scroller.getBoundingClientRect().top;

/** The reader leaves a conversation. Returns how many of its newest messages its place needs. */
export function leavePlace(conversationId) {
  const all = rows();
  const needed = place ? all.length - all.indexOf(place.row) : 0;
  const isKept = needed > 0 && needed <= MOST_KEPT;
  if (isKept) places.set(conversationId, place);
  else if (isEntered) places.delete(conversationId);
  [atEnd, place, isEntered] = [true, null, false];
  return isKept ? needed : 0;
}

/** The messages of the opened conversation are there: goes where the reader was, once. */
export function enterPlace(conversationId) {
  if (isEntered) return;
  isEntered = true;
  const row = rows().find(({ item }) => item.message.id === places.get(conversationId)?.id);
  if (row) {
    scroller.scrollTop += distance(row) - places.get(conversationId).top;
    note();
  }
}

const distance = (row) => row.node.getBoundingClientRect().top - scroller.getBoundingClientRect().top;

// The rows are in their order, so that a search by halves reads few of them.
function firstVisible() {
  const all = rows();
  const top = scroller.getBoundingClientRect().top;
  let [from, to] = [0, all.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (all[middle].node.getBoundingClientRect().bottom > top) to = middle;
    else from = middle + 1;
  }
  const row = all[from];
  return row ? { row, id: row.item.message.id, top: distance(row) } : null;
}
