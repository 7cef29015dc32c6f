// Picking an emoji. The picker and its list are loaded when it is opened first.

import { notify } from "./notice.js";
import { client } from "./page-client.js";

const RECENT = "chinwag.emoji."; // the emoji that a user picked last, and the skin tone

/** Opens the picker at an element. Returns the picked emoji, or null. @returns {Promise<string | null>} */
export async function pickEmoji(anchor) {
  const dialog = await import("../lazy/emoji-dialog.js").catch(() => null);
  if (!dialog) notify("The emoji cannot be loaded without a connection.");
  return dialog ? dialog.pick(anchor, memory()) : null;
}

// As messages and drafts, it stays as long as the login does.
function memory() {
  const storage = client.isKept ? localStorage : sessionStorage;
  const key = RECENT + client.user.id;
  return {
    read() {
      try {
        const { recent = [], tone = "" } = JSON.parse(storage.getItem(key) ?? "{}");
        return { recent: recent.filter((glyph) => typeof glyph === "string"), tone: String(tone) };
      } catch {
        return { recent: [], tone: "" };
      }
    },
    write(state) {
      try {
        storage.setItem(key, JSON.stringify(state));
      } catch {
        // With full storage there are no recent ones.
      }
    },
  };
}

client.on("ended", ({ user, isWiped }) => {
  if (isWiped) for (const storage of [localStorage, sessionStorage]) storage.removeItem(RECENT + user.id);
});
