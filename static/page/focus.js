// Where the focus goes when the view changes: into the opened conversation, and back to its item of the list.

import { $ } from "./dom.js";
import { on, view } from "./page-client.js";

let wasId = null;

export function startFocus() {
  on("opened", () => {
    const leftId = wasId;
    wasId = view.openId;
    if (leftId === view.openId) return;
    // After the views: chat.js has focused the composer, where no keyboard on the screen would cover the messages.
    queueMicrotask(() => (view.openId ? enter() : goBack(leftId)));
  });
}

const isLost = () => !document.activeElement?.checkVisibility() || document.activeElement === document.body;

// On a phone the pressed item is gone. The title says where one is.
function enter() {
  if (isLost()) $("conversation-title").focus({ preventScroll: true });
}

function goBack(leftId) {
  if (!isLost()) return;
  const item = [...$("conversations").querySelectorAll("[data-id]")].find(({ dataset }) => dataset.id === leftId);
  // A conversation that was left or deleted has no item.
  (item ?? $("new-conversation")).focus();
}
