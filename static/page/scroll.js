// The reader's place in the messages: the end, or the first visible message. It stays when messages come, are loaded above, change their
// height or are hidden for another conversation. Scroll anchoring is done here, because browsers differ in it.

import { $ } from "./dom.js";

const NEAR_END = 60; // pixels that still count as being at the end
const places = new Map(); // conversation id → {id, seq, top} of the first visible message, unless the reader was at the end

let scroller = null;
let rows = () => [];
let isWhole = () => true;
let moved = () => {};
let atEnd = true;
let seenTop = 0; // where the box was at the last look; the event of a scroll comes later than the scroll
let place = null; // {row, top}: the first visible row, and its distance from the top

/**
 * `rows` returns the rows of messages in their order, and `isWhole` whether they go on to the newest message. `moved` runs when the
 * reader may see others.
 */
export function startScroll(hooks) {
  scroller = $("scroller");
  ({ rows, isWhole, moved } = hooks);
  scroller.addEventListener("scroll", scrolled, { passive: true });
  // A resize of the box (a keyboard, a longer draft, a rotated phone) is no scrolling by the reader.
  new ResizeObserver(() => {
    if (!scroller.clientHeight) return; // it is hidden
    restore();
    scrolled();
  }).observe(scroller);
}

export const isAtEnd = () => atEnd && isWhole();
export const distanceToEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;

/** From now on the reader is at the end. */
export function pinToEnd() {
  atEnd = true;
  seenTop = scroller.scrollTop;
}

function scrolled() {
  if (!scroller.clientHeight) return;
  note();
  moved();
}

function note() {
  atEnd = isWhole() && distanceToEnd() < NEAR_END;
  place = atEnd ? null : firstVisible();
  seenTop = scroller.scrollTop;
}

/** Runs `change`, which changes rows. */
export function keepPlace(change) {
  if (scroller.clientHeight) {
    if (scroller.scrollTop !== seenTop) note();
    else if (!atEnd) place = firstVisible();
  }
  change();
  restore();
}

function restore() {
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
  else if (place?.row.node.isConnected) scroller.scrollTop += distance(place.row.node) - place.top;
  seenTop = scroller.scrollTop;
}

/** Scrolls so that an element is in the upper part. @param {Element} node */
export function bringToTop(node) {
  scroller.scrollTop += distance(node) - scroller.clientHeight / 4;
  scrolled();
}

/** Returns true if an element is above the visible part. @param {Element} node */
export const isAbove = (node) => distance(node) + node.offsetHeight < 0;

/** The reader leaves a conversation. Returns the place to which they will come back, unless it is the end. */
export function leavePlace(conversationId) {
  const message = place?.row.item.message;
  if (message?.seq) places.set(conversationId, { id: message.id, seq: message.seq, top: place.top });
  else if (rows().length) places.delete(conversationId);
  [atEnd, place] = [true, null];
  return places.get(conversationId);
}

/** Returns the place in a conversation, unless it is the end. */
export const placeIn = (conversationId) => places.get(conversationId);

/** Goes to a place whose row is there. */
export function restorePlace({ id, top }) {
  const row = rows().find(({ item }) => item.message.id === id);
  scroller.scrollTop += distance(row.node) - top;
  note();
}

const distance = (node) => node.getBoundingClientRect().top - scroller.getBoundingClientRect().top;

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
  return all[from] ? { row: all[from], top: distance(all[from].node) } : null;
}
