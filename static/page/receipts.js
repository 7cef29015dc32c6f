// Receipts: the ticks beside one's own messages, and in groups who has read one.

import { avatar, el, icon } from "./dom.js";
import { nameOf, statusOf as presenceOf } from "./names.js";
import { client, on } from "./page-client.js";
import { attribute, morph } from "./patch.js";
import { closeButton } from "./people.js";

const WORDS = { sent: "Sent", delivered: "Delivered", read: "Read" };
let dialog = null;
let shown = null; // the message whose readers the dialog lists

/** Returns the status that the row of a message shows. */
export function statusOf({ message, mine }) {
  return mine && !message.state && !message.deleted_at && client.receipts.statusOf(message);
}

export function drawTicks(item, old) {
  const status = statusOf(item);
  return morph(old, el("span", { class: `ticks ${status}`, "data-testid": "message-status", "data-status": status, title: WORDS[status] },
    icon(status === "sent" ? "check" : "checks"), el("span", { class: "sr-only" }, WORDS[status])));
}

/** In a direct conversation the ticks say it all, and groups over 200 have no receipts. */
export function hasReaders(message) {
  return message.sender_id === client.user.id && message.type !== "system" && !message.state && !message.deleted_at
    && client.conversations.get(message.conversation_id)?.type === "group" && client.receipts.isKnown(message.conversation_id);
}

export function showReaders(message) {
  dialog ??= makeDialog();
  shown = message;
  render();
  dialog.showModal();
}

function makeDialog() {
  const made = el("dialog", { class: "sheet", "data-testid": "readers", "aria-labelledby": "readers-title" },
    el("header", { class: "bar" },
      el("h2", { id: "readers-title" }, "Read by"),
      el("button", { class: "round ghost", "data-close": true, type: "button", "aria-label": "Close" })),
    el("div", { class: "sheet-body" }));
  document.body.append(made);
  closeButton(made);
  for (const topic of ["receipts", "people"]) on(topic, () => made.open && render());
  on("opened", () => made.close());
  return made;
}

// Names alone: the server keeps no times.
function render() {
  const by = client.receipts.of(shown);
  if (!by) return dialog.close();
  const groups = [["Read", by.read], ["Delivered, not read", by.delivered], ["Sent, not delivered", by.sent]];
  const nodes = groups.filter(([words, ids]) => ids.length > 0 || words === "Read").map(([words, ids]) => el("section", { class: "readers" },
    el("h3", {}, `${words} (${ids.length})`),
    el("ul", {}, ...ids.map(reader)),
    ids.length === 0 && el("p", { class: "quiet" }, "Nobody yet.")));
  const body = dialog.querySelector(".sheet-body");
  morph(body, el("div", { class: "sheet-body" }, ...nodes));
  attribute(dialog, "data-read", by.read.length);
}

function reader(id) {
  const name = nameOf(id);
  return el("li", { class: "reader" }, avatar(id, name, presenceOf(id)), el("span", { class: "option-name" }, name));
}
