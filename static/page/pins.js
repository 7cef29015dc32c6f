// The pinned messages of the open conversation: the line below its heading, and the dialog with all of them.

import { $, el, fill, fullTime, icon } from "./dom.js";
import { jumpTo } from "./jump.js";
import { myRole, nameOf } from "./names.js";
import { notify } from "./notice.js";
import { client, on, view } from "./page-client.js";
import { closeButton } from "./people.js";

const dialog = $("pins-dialog");

export function startPinsView() {
  closeButton(dialog);
  $("pins-open").addEventListener("click", () => {
    dialog.showModal();
    render();
  });
  for (const topic of ["opened", "pins", "people", "conversations"]) on(topic, render);
  on("opened", () => dialog.close());
}

const isText = (message) => message.type !== "system" && !message.state && !message.deleted_at;

/** Both users of a direct conversation pin, and those who look after a group. */
function mayChange(conversationId) {
  return client.conversations.get(conversationId)?.type === "direct" || ["owner", "admin"].includes(myRole(conversationId));
}

export const mayPin = (message) => isText(message) && !message.pinned_at && mayChange(message.conversation_id);
export const mayUnpin = (message) => isText(message) && Boolean(message.pinned_at) && mayChange(message.conversation_id);
export const pin = (message) => attempt(() => client.pins.pin(message));
export const unpin = (message) => attempt(() => client.pins.unpin(message));

async function attempt(work) {
  try {
    await work();
  } catch (problem) {
    notify(problem.message);
  }
}

/** The part of a row that says that its message is pinned. */
export const pinnedValue = ({ message }) => Boolean(message.pinned_at) && !message.deleted_at;
export const drawPinned = () => el("p", { class: "message-foot pinned", "data-testid": "pinned" }, icon("pin"), "Pinned");

// Presence changes often, and a button that is replaced between press and release takes no click.
let drawn = "";

function render() {
  const pins = client.pins.in(view.openId) ?? [];
  const shown = pins.map(({ message, user_id }) => [message.id, message.content, nameOf(message.sender_id), nameOf(user_id)]);
  const value = JSON.stringify([view.openId, mayChange(view.openId), dialog.open, shown]);
  if (value === drawn) return;
  drawn = value;
  $("pins-open").hidden = pins.length === 0;
  if (pins.length > 0) drawLine(pins);
  if (dialog.open) drawList(pins);
}

function drawLine(pins) {
  const { sender_id, content } = pins[0].message;
  fill($("pins-open"), icon("pin"), el("span", { class: "pins-count" }, `${pins.length} pinned`),
    el("bdi", { class: "pins-name" }, nameOf(sender_id)), el("bdi", { class: "pins-text" }, shortened(content)));
}

const shortened = (content) => content.slice(0, 300).replace(/\s+/g, " ");

function drawList(pins) {
  const focused = document.activeElement?.closest("[data-testid=pin]")?.dataset.id;
  $("pins-title").textContent = `Pinned messages (${pins.length})`;
  fill($("pins-list"), ...pins.map(pinItem));
  if (pins.length === 0) dialog.close();
  else if (focused && !dialog.contains(document.activeElement)) {
    ($("pins-list").querySelector(`[data-id="${CSS.escape(focused)}"] button`) ?? $("pins-list").querySelector("button")).focus();
  }
}

function pinItem({ message, user_id: userId, pinned_at: at }) {
  const time = new Date(message.timestamp);
  return el("li", { class: "pin", "data-testid": "pin", "data-id": message.id },
    el("p", { class: "pin-head" }, el("bdi", { class: "sender" }, nameOf(message.sender_id)), " ", el("time", { datetime: message.timestamp }, fullTime(time))),
    el("p", { class: "pin-text", dir: "auto" }, message.content),
    el("p", { class: "quiet", title: fullTime(new Date(at)) }, "Pinned by ", el("bdi", {}, userId === client.user.id ? "you" : nameOf(userId))),
    el("p", { class: "pin-buttons" },
      el("button", {
        type: "button", class: "link", "data-testid": "pin-jump",
        click: () => {
          dialog.close();
          jumpTo(message.conversation_id, message.seq);
        },
      }, "Show in conversation"),
      mayChange(message.conversation_id) && el("button", { type: "button", class: "link danger-text", "data-testid": "pin-remove", click: () => unpin(message) }, "Unpin")));
}
