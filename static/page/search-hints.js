// The filters that a search for messages knows, as buttons that write them.

import { el } from "./dom.js";
import { client, view } from "./page-client.js";

/** Returns the buttons for this box. */
export function hintButtons(input) {
  const write = (text) => {
    const words = input.value.trimEnd();
    input.value = `${words}${words && " "}${text}`;
    input.focus();
    input.dispatchEvent(new InputEvent("input"));
  };
  const hint = (text, meaning, make = () => text) => el("button", {
    type: "button", class: "hint-button", "data-testid": "search-hint", "data-hint": text, click: () => write(make()),
  }, el("code", {}, text), ` ${meaning}`);
  return el("div", { class: "search-hints", role: "group", "aria-label": "Filters for messages" },
    hint("from:", "a username"), hint("in:", "a conversation", inOpenConversation), hint("before:", "a day", () => `before:${today()}`),
    hint("after:", "a day", () => `after:${today()}`));
}

// Without an open conversation, the user writes its name.
function inOpenConversation() {
  const conversation = client.conversations.get(view.openId);
  if (!conversation) return "in:";
  const peer = client.people.users.get(conversation.peer?.id);
  if (conversation.type === "direct") return `in:${peer ? `@${peer.username}` : conversation.id} `;
  return `in:${conversation.name && !/["“”„]/.test(conversation.name) ? `"${conversation.name}"` : conversation.id} `;
}

const today = () => new Date().toISOString().slice(0, 10);
