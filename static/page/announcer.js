// Reads new messages of the open conversation to screen readers. The list of messages itself is silent, because history, older pages and
// one's own messages are not news.

import { $, el } from "./dom.js";
import { nameOf } from "./names.js";
import { client, view } from "./page-client.js";

const GATHER_MS = 700;
const MOST_READ = 3; // more that come at once are counted, because reading them would take longer than they are new
const MOST_LETTERS = 300;
const waiting = [];

export function startAnnouncer() {
  const region = el("p", { id: "announcer", class: "sr-only", role: "status", "data-testid": "announcer" });
  $("chat").append(region);
  client.on("message", ({ message }) => {
    if (message.conversation_id !== view.openId || message.sender_id === client.user.id || message.type === "system") return;
    if (waiting.push(message) === 1) setTimeout(() => announce(region, waiting.splice(0)), GATHER_MS);
  });
  // A deleted text stays nowhere on the page.
  client.on("frame", ({ direction, frame }) => direction === "in" && frame.type === "message.deleted" && region.replaceChildren());
  client.on("failed", ({ message }) => {
    if (message.conversation_id === view.openId) region.textContent = `Your message was not sent: ${message.reason}`;
  });
}

const isDeleted = ({ conversation_id, id }) => Boolean(client.history.get(conversation_id)?.byId.get(id)?.deleted_at);

function announce(region, messages) {
  const read = messages.filter((message) => message.conversation_id === view.openId && !isDeleted(message));
  if (read.length === 0) return;
  // A paragraph for each: the same words twice are news too.
  region.replaceChildren(...(read.length > MOST_READ
    ? [`${read.length} new messages`]
    : read.map(({ sender_id, content }) => el("span", {}, `${nameOf(sender_id)}: ${content.slice(0, MOST_LETTERS)}. `))));
}
