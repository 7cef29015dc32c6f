// The messages that the user keeps for later: the dialog with all of them.

import { $, el, fill, fullTime } from "./dom.js";
import { nameOf, titleOf } from "./names.js";
import { notify } from "./notice.js";
import { client, on } from "./page-client.js";
import { closeButton } from "./people.js";

const dialog = $("saved-dialog");
let open = () => {};

/** `openMessage` opens a conversation at the message with a number. */
export function startSavedView(openMessage) {
  open = openMessage;
  closeButton(dialog);
  $("saved-open").addEventListener("click", () => {
    $("me").removeAttribute("open");
    $("me-summary").focus(); // where the focus returns to when the dialog is closed
    dialog.showModal();
    attempt(() => client.saved.load());
    render();
  });
  $("saved-more").addEventListener("click", () => attempt(() => client.saved.loadMore()));
  for (const topic of ["saved", "people", "conversations"]) on(topic, render);
  client.saved.load().catch(() => {}); // so that the menu of a message knows
}

const isText = (message) => message.type !== "system" && !message.state && !message.deleted_at;
const isSaved = ({ conversation_id: conversationId, id }) => client.saved.has(conversationId, id);

export const maySave = (message) => isText(message) && !isSaved(message);
export const mayUnsave = (message) => isText(message) && isSaved(message);
export const save = (message) => attempt(() => client.saved.save(message), "Saved. Your account menu has the list.");
export const unsave = ({ conversation_id: conversationId, id }) => attempt(() => client.saved.unsave(conversationId, id));

async function attempt(work, done) {
  try {
    await work();
    if (done) notify(done);
  } catch (problem) {
    notify(problem.message);
  }
}

// Presence changes often, and a button that is replaced between press and release takes no click.
let drawn = "";

function render() {
  if (!dialog.open) return void (drawn = "");
  const { items, isLoaded, next } = client.saved;
  const value = JSON.stringify([isLoaded, next, items.map(({ message_id, message }) => [message_id, message?.content, message && nameOf(message.sender_id)])]);
  if (value === drawn) return;
  drawn = value;
  const at = [...$("saved-list").children].findIndex((item) => item.contains(document.activeElement));
  fill($("saved-list"), ...items.map(savedItem));
  $("saved-more").hidden = !next;
  $("saved-none").textContent = items.length ? "" : isLoaded ? "Nothing saved yet. The menu of a message has “Save for later”." : "Loading your saved messages…";
  if (at >= 0) ($("saved-list").children[Math.min(at, items.length - 1)]?.querySelector("button") ?? dialog.querySelector("[data-close]")).focus();
}

function savedItem({ conversation_id: conversationId, message_id: messageId, message }) {
  const remove = el("button", {
    type: "button", class: "link danger-text", "data-testid": "saved-remove", click: () => unsave({ conversation_id: conversationId, id: messageId }),
  }, "Remove");
  const attributes = { class: "pin", "data-testid": "saved", "data-id": messageId };
  if (!message) return el("li", attributes, el("p", { class: "quiet" }, "This message is gone, or you are no longer in its conversation."), el("p", { class: "pin-buttons" }, remove));
  const conversation = client.conversations.get(conversationId);
  return el("li", attributes,
    el("p", { class: "pin-head" }, el("bdi", { class: "sender" }, nameOf(message.sender_id)), " ",
      el("time", { datetime: message.timestamp }, fullTime(new Date(message.timestamp)))),
    el("p", { class: "pin-text", dir: "auto" }, message.content),
    conversation && el("p", { class: "quiet" }, "In ", el("bdi", {}, titleOf(conversation))),
    el("p", { class: "pin-buttons" },
      el("button", {
        type: "button", class: "link", "data-testid": "saved-jump",
        click: () => {
          dialog.close();
          open(conversationId, message.seq);
        },
      }, "Show in conversation"),
      remove));
}
