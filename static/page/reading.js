// How far the user has read in the open conversation: tells the client, draws the line above the first unread message, and the buttons that
// jump to it and to the newest message.

import { $, el, icon } from "./dom.js";
import { toNewest } from "./jump.js";
import { client, view } from "./page-client.js";
import { bringToTop, isAbove, isAtEnd } from "./scroll.js";

const line = el("li", { class: "unread-line", "data-testid": "unread-line" }, el("span", {}, "New messages"));

let begun = null; // the id of the conversation whose reading has begun
let lineSeq = null; // the line stands above the first message of others with a greater number
let isLineSeen = false;
let isUnread = false; // as the last rendering found it
let mark = null; // the number that the user has marked as unread
let isHeld = false; // marked as unread while it is open, so it stays unread although it is seen
let newestSeq = 0;
let arrived = 0; // messages that arrived below the visible ones
let render = () => {};

export function startReading(renderAll) {
  render = renderAll;
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
  [begun, lineSeq, isLineSeen, isUnread, mark, isHeld, newestSeq, arrived] = [null, null, false, false, null, false, 0, 0];
}

export const unreadLine = () => line;

/** Returns true if the line stands above a message, which the caller asks in their order until it is true. */
export function isLineBefore(message, timeline) {
  if (lineSeq === null || !(message.seq > lineSeq) || message.type === "system" || isMine(message)) return false;
  // With a gap before the loaded messages, the first unread one may be among those that are not loaded.
  return timeline.isComplete || timeline.messages[0].seq <= lineSeq + 1;
}

const isMine = (message) => message.sender_id === client.user.id;
const isSeen = () => isAtEnd() && !document.hidden && view.openId !== null;

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
  // What is loaded behind a range in the middle of the history has not just arrived.
  if (timeline.isNewest) countArrived(timeline);
  else [arrived, newestSeq] = [count, conversation.last_seq];
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
  $("jump-unread").hidden = lineSeq === null || isLineSeen || !hasRows || !(line.isConnected || hasMore());
}

const hasMore = () => !client.history.get(view.openId)?.covers(lineSeq + 1);

async function jumpToLine() {
  const id = view.openId;
  if (!(await client.openAround(id, lineSeq + 1)) || view.openId !== id) return;
  render();
  isLineSeen = true;
  if (line.isConnected) bringToTop(line);
  $("scroller").focus({ preventScroll: true });
  drawJumps();
}

/** From a message on the conversation is unread, for the user alone. */
export function markUnread({ conversation_id, seq }) {
  if (!client.readState.markUnread(conversation_id, seq)) $("composer-note").textContent = "Not marked: there is no connection.";
}

/** The user's own messages are never unread. */
export const mayMarkUnread = (message) => message.type !== "system" && !message.state && !isMine(message);
