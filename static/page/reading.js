// How far the user has read in the open conversation: tells the client, draws the line above the first unread message, and the buttons that
// jump to it and to the newest message.

import { $, el, icon } from "./dom.js";
import { toNewest } from "./jump.js";
import { changed, client, view } from "./page-client.js";
import { isAbove, isAtEnd } from "./scroll.js";

const line = el("li", { class: "unread-line", "data-testid": "unread-line" }, el("span", {}, "New messages"));

let begun = null; // the id of the conversation whose reading has begun
let lineSeq = null; // the line stands above the first message of others with a greater number
let isLineSeen = false;
let isUnread = false; // as the last rendering found it
let mark = null; // the number that the user has marked as unread
let isHeld = false; // marked as unread while it is open, so it stays unread although it is seen
let newestSeq = 0;
let arrived = 0; // messages that arrived below the visible ones
let lineId = null; // the id of that message; null if it is not loaded
let reveal = () => null;

export function startReading(hooks) {
  ({ reveal } = hooks);
  $("jump-newest").append(icon("down"), el("span", {}));
  $("jump-newest").addEventListener("click", () => {
    toNewest();
    $("composer-text").focus();
  });
  $("jump-unread").append(icon("up"), el("span", {}, "New messages"));
  $("jump-unread").addEventListener("click", jumpToLine);
  document.addEventListener("visibilitychange", drawReading);
}

/** The open conversation is left. */
export function endReading() {
  [begun, lineSeq, lineId, isLineSeen, isUnread, mark, isHeld, newestSeq, arrived] = [null, null, null, false, false, null, false, 0, 0];
}

export const unreadLine = () => line;

/** Returns true if the line stands above a message. */
export const isFirstUnread = (message) => lineId !== null && message.id === lineId;

const isMine = (message) => message.sender_id === client.user.id;
const isSeen = () => isAtEnd() && !document.hidden && !client.presence.isAway && view.openId !== null;

/** Before a rendering: finds where the line stands, and counts what has arrived. */
export function noteReading(timeline) {
  const conversation = client.conversations.get(view.openId);
  if (!conversation || !timeline.isLoaded) return;
  const { unread_from_seq: from = null, unread_count: count = 0 } = conversation;
  if (begun !== view.openId) {
    begun = view.openId;
    if (count > 0) setLine(conversation);
    arrived = count;
  } else if (from !== null && from !== mark) {
    isHeld = true;
    setLine(conversation);
  } else if (count > 0 && !isUnread && !isSeen()) {
    setLine(conversation);
  }
  if (from === null) isHeld = false;
  mark = from;
  isUnread = count > 0;
  // Messages that are loaded behind a range in the middle of the history have not just arrived.
  if (timeline.isNewest) countArrived(timeline);
  else [arrived, newestSeq] = [count, conversation.last_seq];
  lineId = findLine(timeline)?.id ?? null;
}

function findLine(timeline) {
  if (lineSeq === null || !timeline.covers(lineSeq + 1)) return null;
  const { messages } = timeline;
  const last = messages.findLastIndex(({ seq }) => seq <= lineSeq);
  return messages.slice(last + 1).find((message) => message.type !== "system" && !isMine(message));
}

function setLine({ unread_from_seq: from, read_seq: read }) {
  lineSeq = from ? from - 1 : read ?? null;
  isLineSeen = false;
}

function countArrived(timeline) {
  const { messages } = timeline;
  const first = newestSeq ? messages.findLastIndex(({ seq }) => seq <= newestSeq) + 1 : messages.length;
  for (const message of messages.slice(first)) {
    if (isMine(message)) lineSeq = null; // who answers has read
    else arrived += 1;
  }
  newestSeq = Math.max(newestSeq, messages.at(-1)?.seq ?? 0);
}

/** After a rendering, and when other messages are visible. */
export function drawReading() {
  if (isAtEnd()) arrived = 0;
  const isReading = isSeen() && !isHeld && begun === view.openId;
  if (isReading) {
    client.readState.markRead(view.openId);
    isUnread = false;
  }
  if (view.isReading !== isReading) changed("conversations"); // the list shows what is unread in the open one
  view.isReading = isReading;
  drawJumps();
}

function drawJumps() {
  const hasRows = begun === view.openId && newestSeq > 0;
  const newest = $("jump-newest");
  newest.hidden = isAtEnd() || !hasRows;
  newest.lastChild.textContent = arrived ? `${arrived} new` : "";
  newest.setAttribute("aria-label", arrived ? `${arrived} new messages, jump to the newest` : "Jump to the newest message");
  if (line.isConnected && !isAbove(line)) isLineSeen = true;
  const isLoaded = client.history.get(view.openId)?.covers(lineSeq + 1);
  $("jump-unread").hidden = lineSeq === null || isLineSeen || !hasRows || (isLoaded && !lineId);
}

async function jumpToLine() {
  const id = view.openId;
  if (lineSeq === null || !(await client.openAround(id, lineSeq + 1)) || view.openId !== id) return;
  noteReading(client.history.get(id));
  if (lineId && reveal(lineId)) $("scroller").focus({ preventScroll: true });
  isLineSeen = true;
  drawJumps();
}

/** From a message on the conversation is unread, for the user alone. */
export function markUnread({ conversation_id, seq }) {
  if (!client.readState.markUnread(conversation_id, seq)) $("composer-note").textContent = "Not marked: there is no connection.";
}

/** The user's own messages are never unread. */
export const mayMarkUnread = (message) => message.type !== "system" && !message.state && !isMine(message);
