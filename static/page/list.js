// The list of conversations, latest activity first.

import { $, arrange, el, icon } from "./dom.js";
import { keepFocus } from "./focus.js";
import { ListItem } from "./list-item.js";
import { client, on } from "./page-client.js";

const items = new Map(); // by conversation
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
  const known = items.get(conversation.id) ?? new ListItem(conversation.id, open);
  items.set(conversation.id, known);
  known.patch(conversation);
  return known.node;
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
