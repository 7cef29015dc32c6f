// The open conversation: its heading and the composer. The messages between are in timeline.js.

import { $, avatar, counted, icon } from "./dom.js";
import { nameOf, statusOf, titleOf } from "./names.js";
import { dropReply, replyTo, startReplies } from "./quote.js";
import { client, on, view } from "./page-client.js";
import { presenceWords } from "./presence.js";
import { editLast, isEditing, saveEdit, startRevising, stopEdit } from "./revise.js";
import { startTimelineView } from "./timeline.js";

const MOST_BYTES = 16 * 1024; // the protocol's limit of a message's text
const PRESENCE_MOST = 200; // members of a group whose presence the server sends
let shownId = null;
let timeline = null;

export function startChatView(close) {
  $("back").append(icon("back"));
  $("back").addEventListener("click", close);
  $("members-open").prepend(icon("people"));
  $("send").append(icon("send"));
  timeline = startTimelineView();
  startComposer();
  startRevising(measure);
  startReplies();
  for (const topic of ["opened", "conversations", "people", "typing", "connection"]) on(topic, render);
}

function render() {
  const conversation = client.conversations.get(view.openId);
  $("conversation").hidden = !view.openId;
  $("welcome").hidden = Boolean(view.openId);
  renderWelcome();
  if (!conversation) return;
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
  if (shownId !== conversation.id) showOther(conversation.id);
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
  stopEdit();
  shownId = conversationId;
  $("composer-text").value = client.drafts.get(conversationId);
  measure();
  // On a phone the keyboard would cover the messages.
  if (matchMedia("(hover: hover)").matches) $("composer-text").focus();
}

function startComposer() {
  const text = $("composer-text");
  text.addEventListener("input", () => {
    measure();
    if (isEditing()) return;
    client.drafts.set(shownId, text.value);
    if (text.value.trim()) client.typing.note(shownId);
    else client.typing.done(shownId);
  });
  addEventListener("resize", measure); // a rotated phone has lines of another length
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isEditing()) stopEdit();
    else if (event.key === "ArrowUp" && !text.value && !isEditing() && editLast()) event.preventDefault();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
}

function submit() {
  const text = $("composer-text");
  const content = text.value.replaceAll("\0", "").trim();
  if (!content || !measure() || !view.openId) return;
  if (isEditing()) return void saveEdit(content);
  if (!client.send(view.openId, content, { replyTo: replyTo() })) {
    $("composer-note").textContent = "Too many messages wait to be sent. Try again when the connection is back.";
    return;
  }
  text.value = "";
  client.drafts.set(view.openId, "");
  dropReply();
  client.typing.done(view.openId);
  measure();
  timeline.toNewest();
  text.focus();
}

/** Fits the box to the text, and checks the text against the server's limit. */
function measure() {
  const text = $("composer-text");
  // Between the two heights the messages have more room than they keep, which would move them.
  const reading = $("scroller").scrollTop;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
  $("scroller").scrollTop = reading;
  const bytes = new TextEncoder().encode(text.value.trim()).length;
  const tooLong = bytes > MOST_BYTES;
  const share = Math.ceil((bytes / MOST_BYTES) * 100);
  $("composer-note").textContent = tooLong
    ? `Too long by ${(bytes - MOST_BYTES).toLocaleString("en")} bytes: a message holds 16 KiB. Send it in parts.`
    : share > 80 ? `${share}% of what one message can hold` : "";
  $("composer-note").classList.toggle("over", tooLong);
  text.setAttribute("aria-invalid", String(tooLong));
  $("send").disabled = tooLong || bytes === 0;
  return !tooLong;
}
