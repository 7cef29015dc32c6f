// The row of a message. It is made once, and shows a changed message by drawing those of its parts whose values have changed.
//
// To show something new in a message, add a part: a line in one of the tables below, and its functions in a file of its own. A part's value
// comes from `item`: its `message`, and what the timeline knows of it (see timeline.js). If the value comes from elsewhere too, announce
// its change by `changed("rows")`.

import { avatar, clock, el, fullTime } from "./dom.js";
import { isEditing } from "./editing.js";
import { formatted, mentionsKnown } from "./format.js";
import { barValue, drawBar } from "./message-actions.js";
import { client } from "./page-client.js";
import { attribute, morph, Parted } from "./patch.js";
import { drawPinned, pinnedValue } from "./pins.js";
import { drawQuote, quoteValue } from "./quote.js";
import { chipsValue, drawChips } from "./reactions.js";
import { drawTicks, statusOf } from "./receipts.js";
import { namesIn, sentence } from "./sentences.js";

// The row: beside and below the bubble. The parts of `said` are around it.
const ROW = [
  { name: "avatar", value: ({ mine, first, senderId, name, status }) => !mine && first && [senderId, name, status], draw: drawAvatar },
  { name: "head", value: ({ first, mine, name, time }) => [first, mine ? "You" : name, Number(time)], draw: drawHead },
  { name: "said", value: () => true, draw: ({ row }) => row.said.node },
  { name: "reactions", value: chipsValue, draw: drawChips },
  { name: "foot", value: footWords, draw: drawFoot },
  { name: "pinned", value: pinnedValue, draw: drawPinned },
];

const SAID = [
  { name: "quote", value: quoteValue, draw: drawQuote },
  { name: "text", value: ({ message, time }) => [message.content, mentionsKnown(message), Boolean(message.deleted_at), Number(time)], draw: drawText },
  { name: "actions", value: barValue, draw: drawBar },
  { name: "ticks", value: statusOf, draw: drawTicks },
];

const SYSTEM = [
  { name: "sentence", value: ({ message }) => namesIn(message), draw: drawSentence },
];

/** The row of one message, however often the message changes. */
export class MessageRow {
  node = el("li", { "data-testid": "message" });
  /** @type {any} what the row shows */
  item = null;
  said = new Parted(el("div", { class: "said" }), SAID);
  #row;

  constructor(isSystem) {
    this.#row = new Parted(this.node, isSystem ? SYSTEM : ROW);
  }

  patch(item) {
    item.row = this;
    this.item = item;
    const { message, isSystem } = item;
    attribute(this.node, "class", isSystem ? "system" : classOf(item));
    attribute(this.node, "data-id", message.id);
    attribute(this.node, "data-seq", message.seq);
    attribute(this.node, "data-state", message.state ?? "sent");
    if (!isSystem && !message.state && !this.node.hasAttribute("tabindex")) this.node.tabIndex = -1;
    if (isSystem) attribute(this.node, "title", fullTime(item.time));
    else this.said.patch(item);
    this.#row.patch(item);
  }
}

function classOf({ message, mine, first }) {
  return ["message", mine && "mine", first && "first", isEditing(message.id) && "editing"].filter(Boolean).join(" ");
}

function drawAvatar({ senderId, name, status }, old) {
  return morph(old, avatar(senderId, name, status));
}

// Messages that follow each other closely have one visible head. For screen readers each has its sender and its time.
function drawHead({ first, mine, name, time }, old) {
  return morph(old, el("p", { class: first ? "message-head" : "sr-only" },
    el("span", { class: first && !mine ? "sender" : "sr-only" }, mine ? "You" : name),
    " ",
    el("time", { datetime: time.toISOString(), title: fullTime(time) }, clock(time))));
}

function drawText({ message, time }, old) {
  return morph(old, el("div", { class: `bubble${message.deleted_at ? " deleted" : ""}`, "data-testid": "message-text", title: fullTime(time) },
    ...(message.deleted_at ? ["This message was deleted"] : formatted(message.content, message))));
}

function drawSentence({ message }, old) {
  return morph(old, el("span", { "data-testid": "message-text" }, ...sentence(message)));
}

function footWords({ message, isLastPending }) {
  const { state, late, reason, edited_at, deleted_at } = message;
  if (state === "failed") return `Not sent: ${reason}`;
  // Once for all adjacent pending messages.
  if (state === "pending") return isLastPending && progressWords(late);
  return edited_at && !deleted_at && "Edited";
}

function progressWords(isLate) {
  if (!client.connection.isLive) return "Waiting for the connection…";
  if (isLate) return "Not confirmed yet…";
  return client.outbox.isSlowed ? "That was fast! Sending one by one…" : "Sending…";
}

function drawFoot(item, old) {
  const { id, state } = item.message;
  const words = footWords(item);
  return morph(old, state !== "failed" ? el("p", { class: "message-foot" }, words)
    : el("div", { class: "message-foot failed" },
      el("span", { "data-testid": "message-reason" }, words),
      el("button", { type: "button", class: "link", "data-testid": "retry", click: () => client.outbox.retry(id) }, "Retry"),
      el("button", { type: "button", class: "link", "data-testid": "discard", click: () => client.outbox.discard(id) }, "Discard")));
}
