// The list of conversations, latest activity first.

import { $, arrange, avatar, el, fill, icon, shortTime } from "./dom.js";
import { keepFocus } from "./focus.js";
import { nameOf, statusOf, titleOf } from "./names.js";
import { activity, client, on, view } from "./page-client.js";
import { sentence } from "./sentences.js";

const items = new Map(); // conversation id → {node, signature}
let open = null;

export function startListView(openConversation) {
  open = openConversation;
  $("new-conversation").append(icon("add"));
  $("list").addEventListener("scroll", loadMoreNearEnd);
  for (const topic of ["conversations", "people"]) on(topic, render);
  setInterval(render, 60_000); // "Today" changes at midnight
}

function loadMoreNearEnd() {
  const list = $("list");
  if (client.list.next && list.scrollHeight - list.scrollTop - list.clientHeight < 300) client.list.loadMore();
}

function render() {
  keepFocus($("conversations"), () => arrange($("conversations"), client.conversations.sorted().map(item)), () => $("list"));
  for (const id of items.keys()) if (!client.conversations.has(id)) items.delete(id);
  renderEmpty();
  loadMoreNearEnd();
}

function item(conversation) {
  const title = titleOf(conversation);
  const time = new Date(activity(conversation));
  const words = preview(conversation);
  const shown = {
    title,
    time: shortTime(time),
    preview: words.map((word) => word.textContent ?? word).join(""),
    previewed: conversation.last_message?.id,
    unread: conversation.id === view.openId ? 0 : conversation.unread_count ?? 0,
    status: conversation.type === "direct" && conversation.peer ? statusOf(conversation.peer.id) : null,
    current: conversation.id === view.openId,
  };
  const known = items.get(conversation.id);
  const signature = JSON.stringify(shown);
  if (known?.signature === signature) return known.node;
  // The item stays the same element and its parts take no clicks, so that a new preview loses neither focus nor a click in progress.
  const node = known?.node ?? el("li", {}, el("button", { type: "button", class: "item", click: () => open(conversation.id) }));
  draw(node.firstChild, conversation, shown, words, time);
  items.set(conversation.id, { node, signature });
  return node;
}

function draw(button, conversation, { title, time, unread, status, current }, words, date) {
  const attributes = { "data-testid": "conversation-item", "data-id": conversation.id, "data-title": title, "data-unread": String(unread) };
  for (const [name, value] of Object.entries(attributes)) button.setAttribute(name, value);
  if (current) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  fill(button,
    avatar(conversation.peer?.id ?? conversation.id, title, status, conversation.type === "group"),
    el("span", { class: "item-title" }, title),
    el("time", { class: "item-time", datetime: date.toISOString() }, time),
    el("span", { class: "item-preview" }, ...words),
    unread > 0 && el("span", { class: "unread", "data-testid": "unread" },
      unread > 99 ? "99+" : String(unread), el("span", { class: "sr-only" }, " unread")),
    status && status !== "offline" && el("span", { class: "sr-only" }, `, ${status}`),
  );
}

function preview({ last_message: message, type }) {
  if (!message) return ["No messages yet"];
  if (message.deleted_at) return ["Message deleted"];
  if (message.type === "system") return sentence(message);
  const text = message.content.slice(0, 200).replace(/\s+/g, " ");
  if (message.sender_id === client.user.id) return [`You: ${text}`];
  return [type === "group" ? `${nameOf(message.sender_id).split(" ")[0]}: ${text}` : text];
}

function renderEmpty() {
  const note = $("list-empty");
  const { conversations, list } = client;
  $("chat").dataset.empty = String(list.isLoaded && !list.failed && conversations.size === 0);
  note.hidden = conversations.size > 0 && !list.failed;
  if (note.hidden) return;
  if (list.failed) {
    note.replaceChildren(
      el("p", {}, "Your conversations could not be loaded. ", list.failed),
      el("button", { type: "button", class: "secondary", click: () => list.load() }, "Try again"),
    );
  } else {
    note.replaceChildren(el("p", {}, list.isLoaded ? "No conversations yet. Start one with the + above." : "Loading your conversations…"));
  }
}
