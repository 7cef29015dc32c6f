// Says why the open conversation is no longer there.

import { el } from "./dom.js";
import { nameOf, titleOf } from "./names.js";
import { notify } from "./notice.js";
import { client, view } from "./page-client.js";

let reason = null; // {id, words} of the last conversation that was taken away while it was open

export function startGoneView() {
  // A frame is announced before it is applied, so the conversation still has its title.
  client.on("frame", ({ direction, frame }) => {
    const id = frame.conversation_id ?? frame.conversation?.id;
    const words = direction === "in" && id && id === view.openId && wordsFor(frame, id);
    if (words) reason = { id, words };
  });
}

/** Says why this conversation is gone, unless the user has left or deleted it here. */
export function sayGone(id) {
  const words = reason?.id === id ? reason.words : ["There is no such conversation, or you are not in it."];
  reason = null;
  if (id !== view.leavingId) notify(...words);
  view.leavingId = null;
}

function wordsFor({ type, member, message }, id) {
  const conversation = client.conversations.get(id);
  if (!conversation) return null;
  const title = name(titleOf(conversation));
  if (type === "conversation.deleted") return [title, " was deleted."];
  const subjectId = member?.user?.id ?? member?.user_id ?? message?.system?.user_id;
  if (type !== "member.removed" || subjectId !== client.user.id) return null;
  const actorId = message?.sender_id;
  if (actorId === client.user.id) return ["You have left ", title, "."];
  return actorId ? [name(nameOf(actorId)), " removed you from ", title, "."] : ["You were removed from ", title, "."];
}

const name = (text) => el("bdi", { class: "name" }, text);
