// An item of the list of conversations. Like the row of a message it is made once, and its parts are drawn again when their values change.
// Its parts take no clicks, so that a new preview does not lose one in progress.

import { avatar, el, shortTime } from "./dom.js";
import { nameOf, statusOf, titleOf } from "./names.js";
import { activity, client, view } from "./page-client.js";
import { attribute, morph, Parted } from "./patch.js";
import { sentence } from "./sentences.js";

const PREVIEW_LETTERS = 200;

const PARTS = [
  { name: "avatar", value: ({ conversation, title, status }) => [conversation.peer?.id ?? conversation.id, title, status], draw: drawAvatar },
  { name: "title", value: ({ title }) => title, draw: ({ title }, old) => morph(old, el("span", { class: "item-title" }, title)) },
  { name: "time", value: ({ date }) => shortTime(date), draw: drawTime },
  { name: "preview", value: ({ words }) => words.map((word) => word.textContent ?? word).join(""), draw: ({ words }, old) => morph(old, el("span", { class: "item-preview" }, ...words)) },
  { name: "unread", value: ({ unread }) => unread > 0 && unread, draw: drawUnread },
  { name: "status", value: ({ status }) => status !== "offline" && status, draw: ({ status }, old) => morph(old, el("span", { class: "sr-only" }, `, ${status}`)) },
];

export class ListItem {
  node;
  #button;

  constructor(id, open) {
    const button = el("button", { type: "button", class: "item", "data-testid": "conversation-item", "data-id": id, click: () => open(id) });
    this.node = el("li", {}, button);
    this.#button = new Parted(button, PARTS);
  }

  patch(conversation) {
    const isOpen = conversation.id === view.openId;
    const item = {
      conversation,
      title: titleOf(conversation),
      date: new Date(activity(conversation)),
      words: preview(conversation),
      unread: isOpen && view.isReading ? 0 : conversation.unread_count ?? 0,
      status: conversation.type === "direct" && conversation.peer ? statusOf(conversation.peer.id) : null,
    };
    attribute(this.#button.node, "data-title", item.title);
    attribute(this.#button.node, "data-unread", item.unread);
    attribute(this.#button.node, "aria-current", isOpen && "true");
    this.#button.patch(item);
  }
}

function drawAvatar({ conversation: { id, peer, type }, title, status }, old) {
  return morph(old, avatar(peer?.id ?? id, title, status, type === "group"));
}

function drawTime({ date }, old) {
  return morph(old, el("time", { class: "item-time", datetime: date.toISOString() }, shortTime(date)));
}

function drawUnread({ unread }, old) {
  return morph(old, el("span", { class: "unread", "data-testid": "unread" }, unread > 99 ? "99+" : String(unread), el("span", { class: "sr-only" }, " unread")));
}

function preview({ last_message: message, type }) {
  if (!message) return ["No messages yet"];
  if (message.deleted_at) return ["Message deleted"];
  if (message.type === "system") return sentence(message);
  const text = message.content.slice(0, PREVIEW_LETTERS).replace(/\s+/g, " ");
  if (message.sender_id === client.user.id) return [`You: ${text}`];
  return [type === "group" ? `${nameOf(message.sender_id).split(" ")[0]}: ${text}` : text];
}
