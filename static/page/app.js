// The entry point: shows the login or the chat, connects the modules, and keeps the URL in step with the open
// conversation.

import { $, avatar, twice } from "./dom.js";
import { changed, client, on, view } from "./page-client.js";
import { showAuth } from "./auth.js";
import { startBadge } from "./badge.js";
import { startBlockView } from "./block.js";
import { startChatView } from "./chat.js";
import { startConnectionView } from "./connection.js";
import { startFocus } from "./focus.js";
import { placeIn } from "./jump.js";
import { startListView } from "./list.js";
import { startMembersView } from "./members.js";
import { notify } from "./notice.js";
import { startPeopleView } from "./people.js";
import { startPinsView } from "./pins.js";
import { startPresence } from "./presence.js";
import { startReactions } from "./reactions.js";

const FAREWELL = "chinwag.farewell"; // the message to show after the reload
const LOGOUT_MS = 3_000; // time for the server to answer; in this browser the user is logged out at once
let isLoggingOut = false;

if (client.user) startChat();
else enter();

async function enter() {
  const farewell = sessionStorage.getItem(FAREWELL);
  sessionStorage.removeItem(FAREWELL);
  await showAuth(farewell);
  startChat();
}

function startChat() {
  $("chat").hidden = false;
  client.on("ended", ({ reason }) => isLoggingOut || leave(reason));
  addEventListener("online", () => client.wake());
  addEventListener("beforeunload", (event) => client.outbox.isSafe || event.preventDefault());
  addEventListener("pageshow", (event) => event.persisted && client.wake());
  document.addEventListener("visibilitychange", () => document.hidden || client.wake());

  showMe();
  startConnectionView();
  startListView(open);
  startChatView(() => open(null));
  const startConversation = startPeopleView(open, notify);
  for (const id of ["new-conversation", "welcome-start"]) $(id).addEventListener("click", startConversation);
  startMembersView();
  startPinsView();
  startReactions();
  startBlockView();
  on("conversations", closeIfGone);
  startBadge();
  startPresence();
  startFocus();

  addEventListener("hashchange", follow);
  client.list.load();
  follow();
  client.start();
}

// The URL names the open conversation: a reload opens it again, and on a phone the back gesture closes it.
function open(conversationId) {
  location.hash = conversationId ?? "";
}

function follow() {
  const { id, seq } = placeIn(location.hash);
  Object.assign(view, { openId: id, seq });
  $("chat").dataset.open = id ? "conversation" : "list";
  if (id && !client.conversations.has(id)) client.list.fetch(id).then(closeIfGone);
  if (id && !seq && !client.history.get(id)?.isLoaded) client.open(id);
  changed("conversations", "timeline", "opened");
}

function closeIfGone() {
  const id = view.openId;
  if (!id || client.conversations.has(id) || !client.list.isLoaded || client.list.isFetching(id)) return;
  if (placeIn(location.hash).id !== id) return; // the user is leaving it already
  open(null);
  if (id !== view.leavingId) notify("There is no such conversation, or you are not in it.");
  view.leavingId = null;
}

function showMe() {
  const { user } = client;
  $("me-summary").replaceChildren(avatar(user.id, user.name));
  $("me-summary").setAttribute("aria-label", `${user.name}: account menu`);
  $("me-name").textContent = user.name;
  $("me-username").textContent = `@${user.username}`;
  const menu = $("me");
  document.addEventListener("click", (event) => menu.contains(event.target) || menu.removeAttribute("open"));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.removeAttribute("open");
    $("me-summary").focus();
  });
  twice($("logout"), "Messages are unsent. Log out?", logout, () => client.outbox.size > 0);
}

async function logout() {
  isLoggingOut = true;
  $("chat").hidden = true;
  await Promise.race([client.logout(), new Promise((enough) => { setTimeout(enough, LOGOUT_MS); })]);
  startAfresh();
}

function leave(reason) {
  sessionStorage.setItem(FAREWELL, reason);
  startAfresh();
}

// A reload instead of a clean-up, so that no data of one user is left for the next.
function startAfresh() {
  history.replaceState(null, "", "/");
  location.reload();
}
