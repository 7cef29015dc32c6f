// The quote of the message that another one answers: a part of its row that leads to the original, and the bar above the composer.

import { $, el, fill, icon } from "./dom.js";
import { leaveEdit } from "./editing.js";
import { quoteOf } from "../client/index.js";
import { jumpTo } from "./jump.js";
import { nameOf } from "./names.js";
import { client, on, view } from "./page-client.js";
import { tabindexIn } from "./row-focus.js";

// The quote in a row

/** The value of the part: what it shows. */
export const quoteValue = ({ message: { quote, deleted_at } }) => (
  quote && !deleted_at && [quote.seq, nameOf(quote.sender_id), textOf(quote), Boolean(quote.deleted_at)]);

export function drawQuote({ row, message }) {
  return el("button", {
    type: "button", class: "quote", "data-testid": "quote", title: "Show the original", tabindex: tabindexIn(row.node),
    // A pending message gets its number later.
    click: () => jumpTo(message.conversation_id, message.quote.seq, row.item.message.seq),
  }, ...contentOf(message.quote));
}

function contentOf(quote) {
  return [
    el("span", { class: "sr-only" }, "Answers "),
    el("bdi", { class: "quote-name" }, nameOf(quote.sender_id)),
    el("span", { class: `quote-text${quote.deleted_at ? " deleted" : ""}`, dir: "auto" }, textOf(quote)),
  ];
}

function textOf({ type, content, deleted_at }) {
  if (deleted_at) return "This message was deleted";
  return type === "system" ? "A note of the conversation" : content.replace(/\s+/g, " ");
}

// The bar above the composer

let drawn = ""; // what the bar shows

export function startReplies() {
  $("reply-drop").append(icon("close"));
  $("reply-drop").addEventListener("click", () => {
    dropReply();
    $("composer-text").focus();
  });
  for (const topic of ["opened", "timeline", "people"]) on(topic, render);
}

export const mayReply = (message) => message.type !== "system" && !message.state && !message.deleted_at;

/** The next message of the user answers this one. */
export function beginReply(message) {
  if (!leaveEdit()) return;
  client.drafts.setReply(message.conversation_id, { id: message.id, quote: quoteOf(message) });
  render();
  $("composer-text").focus();
}

/** Returns what the draft answers, as it is now. */
export function replyTo() {
  const reply = client.drafts.reply(view.openId);
  const known = reply && client.history.get(view.openId)?.byId.get(reply.id);
  return known ? { id: known.id, quote: quoteOf(known) } : reply;
}

export function dropReply() {
  client.drafts.setReply(view.openId, null);
  render();
}

function render() {
  const reply = view.openId && replyTo();
  const value = reply ? JSON.stringify([reply, nameOf(reply.quote.sender_id)]) : "";
  if (value === drawn) return;
  drawn = value;
  $("reply-bar").hidden = !reply;
  fill($("reply-quote"), ...(reply ? contentOf(reply.quote) : []));
}
