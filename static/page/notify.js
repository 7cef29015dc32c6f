// Desktop notifications and a sound, for messages that are still unread a moment later. Of all tabs of a login one shows them: the one that
// holds a Web Lock. What is read meanwhile, in this browser or on another device, needs none.

import { isUnread } from "../client/conversations.js";
import { browserStorages } from "../client/environment.js";
import { nameOf, titleOf } from "./names.js";
import { canNotify, listNotifications, showNotification } from "./on-screen.js";
import { client, on } from "./page-client.js";
import { chime } from "./sound.js";

const LOCK = "chinwag.notifier.";
const MOMENT_MS = 1_500; // in which a message that somebody sees is read, and the server has told this tab
const TEXT_MOST = 200; // characters, as in the list
const MUTE = "chinwag.mute"; // whether this device makes sounds

const { local } = browserStorages();
let userId = null;
const shown = new Map(); // conversation id → the message that its notification shows: {seq, id}

export function startNotifying(open) {
  userId = client.user.id;
  client.on("ended", forget);
  if (!canNotify()) return;
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data?.userId === userId) open(data.conversationId);
  });
  navigator.locks.request(LOCK + userId, () => {
    begin();
    return new Promise(() => {}); // until this tab closes
  });
}

export const isMuted = () => local.getItem(MUTE) !== null;

export function setMuted(is) {
  if (is) local.setItem(MUTE, "");
  else local.removeItem(MUTE);
}

async function begin() {
  client.on("message", ({ message }) => note(message));
  client.account.loadBlocked().catch(() => {}); // without them, the level alone decides
  for (const topic of ["conversations", "timeline"]) on(topic, closeRead);
  // Those that another tab has shown.
  for (const { data } of await mine()) if (!shown.has(data.conversationId)) shown.set(data.conversationId, data);
  closeRead();
}

function note(message) {
  if (!client.notifications.wants(message)) return;
  nameOf(message.sender_id); // looks it up
  const isNew = !client.conversations.has(message.conversation_id);
  setTimeout(async () => {
    // The first message of a new conversation may come long before the conversation. One that was known may be lost by now.
    if (isNew && !client.conversations.has(message.conversation_id)) await client.list.fetch(message.conversation_id);
    const now = asItIs(message);
    if (isNews(now)) show(now);
  }, MOMENT_MS);
}

/** Returns a message as it is now, as far as this page knows: it may have been edited or deleted meanwhile. */
function asItIs({ conversation_id: conversationId, id, ...rest }) {
  const last = client.conversations.get(conversationId)?.last_message;
  return client.history.get(conversationId)?.byId.get(id) ?? (last?.id === id ? last : { conversation_id: conversationId, id, ...rest });
}

/** Returns true if the user has not seen a message, and still wants to be told. */
function isNews(message) {
  const conversation = client.conversations.get(message.conversation_id);
  return conversation && isUnread(conversation, message.seq) && client.notifications.wants(message) && !client.account.blocked?.has(message.sender_id);
}

function show(message) {
  if (!isMuted()) chime();
  if (Notification.permission !== "granted") return;
  const conversation = client.conversations.get(message.conversation_id);
  const text = [...message.content.replace(/\s+/g, " ")].slice(0, TEXT_MOST).join("");
  const body = conversation.type === "group" ? `${nameOf(message.sender_id)}: ${text}` : text;
  const data = { conversationId: conversation.id, userId, seq: message.seq, id: message.id };
  shown.set(conversation.id, data);
  showNotification(titleOf(conversation), {
    body, data, tag: conversation.id, renotify: true, silent: true, dir: "auto", icon: icon(), badge: icon(),
  });
}

const icon = () => document.querySelector('link[rel="apple-touch-icon"]').href;

const mine = async () => (await listNotifications()).filter(({ data }) => data?.userId === userId);

/** Closes the notifications of what has been read, here or elsewhere, of messages that were deleted, and of conversations that are gone. */
async function closeRead() {
  const done = [...shown].filter(([conversationId, { seq, id }]) => {
    const conversation = client.conversations.get(conversationId);
    if (!conversation) return client.list.isLoaded;
    return !isUnread(conversation, seq) || asItIs({ conversation_id: conversationId, id }).deleted_at;
  });
  if (done.length === 0) return;
  for (const [id] of done) shown.delete(id);
  for (const notification of await mine()) if (!shown.has(notification.data.conversationId)) notification.close();
}

/** The login has ended: nothing of the user stays on the screen, and after a logout nothing in the browser. */
async function forget({ isWiped }) {
  if (isWiped) setMuted(false);
  if (canNotify()) for (const notification of await mine()) notification.close();
}
