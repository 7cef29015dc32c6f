// Where the focus goes when the element that had it is gone, or was on another view.

import { $ } from "./dom.js";
import { on, view } from "./page-client.js";

let openBefore = null;

/** `afterLogin`: the focus was in the login form. Otherwise the page has just been loaded, and the focus is at its beginning. */
export function startFocusView({ afterLogin }) {
  let isAtStart = !afterLogin;
  on("opened", () => {
    const leftId = openBefore;
    openBefore = view.openId;
    if (isAtStart) isAtStart = false;
    // After the views: chat.js has focused the composer, where no keyboard on the screen would cover the messages.
    else if (leftId !== view.openId) queueMicrotask(() => recoverFocus(leftId));
  });
}

/** Moves a lost focus to the open conversation, else to the place in the list from which the user comes. */
function recoverFocus(leftId) {
  if (!isLost() || document.querySelector("dialog[open]")) return;
  if (view.openId) return $("conversation-title").focus();
  const item = document.querySelector(`.item[data-id="${CSS.escape(leftId ?? "")}"]`);
  (item ?? $("list")).focus();
}

/** Runs what may remove the focused element. A focus that was inside `parent` and is lost goes to what `next` returns. */
export function keepFocus(parent, work, next) {
  const wasInside = parent.contains(document.activeElement);
  work();
  if (wasInside && isLost()) next()?.focus();
}

const isLost = () => !document.activeElement || document.activeElement === document.body || !document.activeElement.checkVisibility();
