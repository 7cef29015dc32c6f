// The chat: connects its views, and keeps the URL in step with the open conversation.

import { $ } from "./dom.js";
import { changed, client, on, view } from "./page-client.js";
import { startAccountMenu } from "./account-menu.js";
import { FAREWELL } from "./auth.js";
import { startBadge } from "./badge.js";
import { startBenchView } from "./bench.js";
import { startBell } from "./bell.js";
import { startBlockView } from "./block.js";
import { startChatView } from "./chat.js";
import { startConnectionView } from "./connection.js";
import { pickEmoji } from "./emoji-picker.js";
import { startFocusView } from "./focus.js";
import { sayGone, startGoneView } from "./gone.js";
import { placeIn } from "./jump.js";
import { startListView } from "./list.js";
import { startMembersView } from "./members.js";
import { startNotifying } from "./notify.js";
import { startPeopleView } from "./people.js";
import { startPinsView } from "./pins.js";
import { startPresence } from "./presence.js";
import { startReactions } from "./reactions.js";
import { startSavedView } from "./saved.js";
import { startSearchView } from "./search.js";
import { startSettingsView } from "./settings.js";

export { client };

const LOGOUT_MS = 3_000; // time for the server to answer; in this browser the user is logged out at once
let isLoggingOut = false;

export function startChat({ afterLogin }) {
  $("chat").hidden = false;
  client.on("ended", ({ reason }) => isLoggingOut || leave(reason));
  addEventListener("online", () => client.wake());
  addEventListener("beforeunload", (event) => client.isSafe || event.preventDefault());
  addEventListener("pageshow", (event) => event.persisted && client.wake());
  document.addEventListener("visibilitychange", () => document.hidden || client.wake());

  startAccountMenu({ openSettings: startSettingsView(), logOut });
  startConnectionView();
  startListView(open);
  startChatView(() => open(null));
  const startConversation = startPeopleView(open);
  for (const id of ["new-conversation", "welcome-start"]) $(id).addEventListener("click", startConversation);
  startMembersView();
  startPinsView();
  startReactions({ picker: pickEmoji });
  startBlockView();
  startGoneView();
  startSavedView(open);
  startSearchView(open);
  startFocusView({ afterLogin });
  startBell();
  startNotifying(open);
  on("conversations", closeIfGone);
  startBadge();
  startPresence();

  startBenchView();
  addEventListener("hashchange", follow);
  client.list.load();
  follow();
  client.start();
}

// The URL names the open conversation: a reload opens it again, and on a phone the back gesture closes it.
function open(conversationId, seq) {
  location.hash = seq ? `${conversationId}/${seq}` : conversationId ?? "";
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
  sayGone(id);
}

async function logOut() {
  isLoggingOut = true;
  $("chat").hidden = true;
  await Promise.race([client.logout(), new Promise((enough) => { setTimeout(enough, LOGOUT_MS); })]);
  startAfresh();
}

function leave(reason) {
  sessionStorage.setItem(FAREWELL, view.farewell ?? reason);
  startAfresh();
}

// A reload instead of a clean-up, so that no data of one user is left for the next.
function startAfresh() {
  history.replaceState(null, "", "/");
  location.reload();
}
