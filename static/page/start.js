// The entry point: shows the login as soon as its few files are there. The chat's come after it, or at once for a user who is logged in.

import { keptUser } from "../client/token-store.js";
import { FAREWELL, showAuth } from "./auth.js";
import { $ } from "./dom.js";

const progress = document.documentElement.dataset;
const styles = [...document.querySelectorAll("link[rel=stylesheet]")]; // they come before scripts
progress.loading = styles.every((link) => link.sheet) ? "begun" : "failed"; // boot.js looks for it
const loading = loadChat();
loading.then(keepOffline).catch(() => {}); // some browsers have no service workers in private windows

const afterLogin = !keptUser();
if (afterLogin) {
  const farewell = sessionStorage.getItem(FAREWELL);
  sessionStorage.removeItem(FAREWELL);
  await showAuth(farewell, loading);
}
const { client, startChat } = await loading;
if (client.user) startChat({ afterLogin });
else location.reload(); // another tab has logged out in this moment

/** Loads the files that the login does not need. Never resolves if some are missing: then boot.js loads the page again. */
async function loadChat() {
  try {
    document.head.append($("chat-files").content);
    const late = [...document.head.querySelectorAll("link[rel=stylesheet]:not([media])")].filter((link) => !link.sheet);
    const [app] = await Promise.all([import("./app.js"), ...late.map(loaded)]);
    return app;
  } catch {
    progress.loading = "failed";
    dispatchEvent(new Event("incomplete"));
    return new Promise(() => {});
  }
}

/** Lets the service worker keep the page, and closes notifications of users who are logged out. */
async function keepOffline() {
  await navigator.serviceWorker?.register("/service-worker.js");
  const { canNotify, listNotifications } = await import("./on-screen.js");
  for (const notification of canNotify() ? await listNotifications() : []) {
    if (notification.data?.userId !== keptUser()?.id) notification.close();
  }
}

function loaded(link) {
  return new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", reject);
  });
}
