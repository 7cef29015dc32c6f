// The open conversation: its heading. The messages are in timeline.js, and where they are written in composer.js.

import { $, avatar, counted, icon } from "./dom.js";
import { showDraft, startComposer } from "./composer.js";
import { nameOf, statusOf, titleOf } from "./names.js";
import { startReplies } from "./quote.js";
import { client, on, view } from "./page-client.js";
import { presenceWords } from "./presence.js";
import { startTimelineView } from "./timeline.js";

const PRESENCE_MOST = 200; // members of a group whose presence the server sends
let shownId = null;

export function startChatView(close) {
  $("back").append(icon("back"));
  $("back").addEventListener("click", close);
  $("members-open").prepend(icon("people"));
  startComposer(startTimelineView().toNewest);
  startReplies();
  for (const topic of ["opened", "conversations", "people", "typing", "connection"]) on(topic, render);
}

function render() {
  const conversation = client.conversations.get(view.openId);
  $("conversation").hidden = !view.openId;
  $("welcome").hidden = Boolean(view.openId);
  renderWelcome();
  if (view.openId && shownId !== view.openId) showOther(view.openId);
  if (!conversation) return renderUnknown();
  if (conversation.type === "group" && !client.people.members.has(conversation.id)) client.people.loadMembers(conversation.id);
  const title = titleOf(conversation);
  const direct = conversation.type === "direct";
  $("conversation-title").textContent = title;
  // Without a connection presence is unknown, and an old value would be wrong.
  const status = () => (direct ? presenceWords(conversation.peer?.id) : groupStatus(conversation));
  $("conversation-status").textContent = client.connection.isLive ? typingWords(conversation) || status() : "Not connected";
  $("conversation-avatar").replaceChildren(
    avatar(conversation.peer?.id ?? conversation.id, title, direct ? statusOf(conversation.peer?.id) : null, !direct));
  $("members-open").hidden = direct;
}

// Without a server, after a reload, the page knows the conversation by its id alone. One can write all the same.
function renderUnknown() {
  $("conversation-title").textContent = "Conversation";
  $("conversation-status").textContent = client.connection.isLive ? "" : "Not connected";
  $("conversation-avatar").replaceChildren();
  $("members-open").hidden = true;
}

function typingWords({ id, type }) {
  const typists = client.typing.in(id).filter((userId) => userId !== client.user.id);
  if (typists.length === 0) return "";
  if (type === "direct") return "typing…";
  if (typists.length > 2) return `${typists.length} people are typing…`;
  return `${typists.map(nameOf).join(" and ")} ${typists.length > 1 ? "are" : "is"} typing…`;
}

function groupStatus(conversation) {
  const known = client.people.members.get(conversation.id);
  const count = conversation.member_count ?? known?.length;
  // In larger groups the server does not say who is online.
  if (!known || count > PRESENCE_MOST) return counted(count, "member");
  return `${known.filter((member) => statusOf(member.user.id) !== "offline").length} of ${count} online`;
}

function renderWelcome() {
  const some = client.conversations.size > 0 || !client.list.isLoaded; // until the list is loaded, nobody knows
  $("welcome-title").textContent = some ? "Pick up where you left off" : "It is quiet in here";
  $("welcome-text").textContent = some
    ? "Choose a conversation on the left, or start a new one."
    : "Find somebody you know and say hello. Their messages will arrive here as they are written.";
}

function showOther(conversationId) {
  shownId = conversationId;
  showDraft(conversationId);
}
