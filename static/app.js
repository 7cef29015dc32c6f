// The entry point: shows the login or the chat, connects the modules, and keeps the URL in step with the open
// conversation.

import * as api from "./api.js";
import { $, avatar, twice } from "./dom.js";
import * as sends from "./sends.js";
import { Socket } from "./socket.js";
import * as store from "./store.js";
import * as sync from "./sync.js";
import { showAuth } from "./view-auth.js";
import { startBlockView } from "./view-block.js";
import { startChatView } from "./view-chat.js";
import { startListView } from "./view-list.js";
import { startMembersView } from "./view-members.js";
import { startPeopleView } from "./view-people.js";

const FAREWELL = "chinwag.farewell"; // the message to show after the reload
let socket = null;

if (api.me()) startChat();
else enter();

async function enter() {
  const farewell = sessionStorage.getItem(FAREWELL);
  sessionStorage.removeItem(FAREWELL);
  await showAuth(farewell);
  startChat();
}

function startChat() {
  $("chat").hidden = false;
  socket = new Socket({ live: sync.goLive, frame: sync.applyFrame, state: showState, tooBig: sends.failLongest, ended: leave });
  api.watchSession({ refreshed: (token) => socket.send({ type: "auth", token }), ended: leave });
  sends.startSends(socket);
  sync.startSync(socket);

  store.learnPerson(api.me());
  showMe();
  startListView(open);
  startChatView(() => open(null));
  const startConversation = startPeopleView(open, notify);
  for (const id of ["new-conversation", "welcome-start"]) $(id).addEventListener("click", startConversation);
  startMembersView();
  startBlockView();
  store.on("conversations", closeIfGone);
  store.on("conversations", countInTitle);

  addEventListener("hashchange", follow);
  sync.loadConversations();
  follow();
  socket.start();
}

// The URL names the open conversation: a reload opens it again, and on a phone the back gesture closes it.
function open(conversationId) {
  location.hash = conversationId ?? "";
}

function follow() {
  const id = /^#([0-9a-f-]{36})$/i.exec(location.hash)?.[1] ?? null;
  store.view.openId = id;
  $("chat").dataset.open = id ? "conversation" : "list";
  if (id && !store.conversations.has(id)) sync.fetchConversation(id).then(closeIfGone);
  if (id && !store.timelines.get(id)?.loaded) sync.loadNewest(id);
  store.changed("conversations", "timeline", "opened");
}

function closeIfGone() {
  const id = store.view.openId;
  if (!id || store.conversations.has(id) || !store.view.loaded || sync.isFetching(id)) return;
  if (location.hash !== `#${id}`) return; // the user is leaving it already
  open(null);
  if (id !== store.view.leavingId) notify("That conversation is no longer yours to see.");
  store.view.leavingId = null;
}

function countInTitle() {
  const unread = [...store.conversations.values()].filter((conversation) => conversation.unread_count > 0).length;
  document.title = unread ? `(${unread}) Chinwag` : "Chinwag";
}

function showState(state, { seconds, reason }) {
  if (state !== "connected") sends.suspend();
  store.view.connected = state === "connected";
  const words = { connected: "Connected", connecting: "Connecting…", offline: "Offline", waiting: "Reconnecting" }[state];
  const line = $("connection-state");
  line.dataset.state = state;
  line.replaceChildren(reason ? `${reason}. ${words}` : words);
  if (state === "waiting") {
    // The seconds are for sighted users alone: a screen reader should not read each of them.
    const count = document.createElement("span");
    count.setAttribute("aria-hidden", "true");
    count.textContent = ` in ${seconds} s…`;
    line.append(count);
  }
  store.changed("people", "connection");
}

function showMe() {
  const user = api.me();
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
  twice($("logout"), "Messages are unsent. Log out?", logout, () => sends.countUnsent() > 0);
}

async function logout() {
  socket.stop();
  sends.forgetUnsent();
  await api.logout();
  startAfresh();
}

function leave(reason) {
  socket.stop();
  api.forget();
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
