// The entry point: shows the login or the chat, connects the modules, and keeps the URL in step with the open
// conversation.

import { $, avatar, twice } from "./dom.js";
import { changed, client, on, view } from "./page-client.js";
import { showAuth } from "./auth.js";
import { startBenchView } from "./bench.js";
import { startBlockView } from "./block.js";
import { startChatView } from "./chat.js";
import { startConnectionView } from "./connection.js";
import { startListView } from "./list.js";
import { startMembersView } from "./members.js";
import { startPeopleView } from "./people.js";

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
  addEventListener("beforeunload", (event) => client.isSafe || event.preventDefault());
  addEventListener("pageshow", (event) => event.persisted && client.wake());
  document.addEventListener("visibilitychange", () => document.hidden || client.wake());

  showMe();
  startConnectionView();
  startListView(open);
  startChatView(() => open(null));
  const startConversation = startPeopleView(open, notify);
  for (const id of ["new-conversation", "welcome-start"]) $(id).addEventListener("click", startConversation);
  startMembersView();
  startBlockView();
  on("conversations", closeIfGone);
  on("conversations", countInTitle);

  startBenchView();
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
  const id = /^#([0-9a-f-]{36})$/i.exec(location.hash)?.[1] ?? null;
  view.openId = id;
  $("chat").dataset.open = id ? "conversation" : "list";
  if (id && !client.conversations.has(id)) client.list.fetch(id).then(closeIfGone);
  if (id && !client.history.get(id)?.isLoaded) client.open(id);
  changed("conversations", "timeline", "opened");
}

function closeIfGone() {
  const id = view.openId;
  if (!id || client.conversations.has(id) || !client.list.isLoaded || client.list.isFetching(id)) return;
  if (location.hash !== `#${id}`) return; // the user is leaving it already
  open(null);
  if (id !== view.leavingId) notify("That conversation is no longer yours to see.");
  view.leavingId = null;
}

function countInTitle() {
  const unread = client.conversations.sorted().filter((conversation) => conversation.unread_count > 0).length;
  document.title = unread ? `(${unread}) Chinwag` : "Chinwag";
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

let noticeTimer = 0;
function notify(...words) {
  clearTimeout(noticeTimer);
  $("notice").replaceChildren(...words);
  $("notice").hidden = false;
  noticeTimer = setTimeout(() => { $("notice").hidden = true; }, 6000);
}
