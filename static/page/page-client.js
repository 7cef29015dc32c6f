// The client of this page, and the changes that its views follow.

import { createClient } from "../client/index.js";
import { afterPress } from "./press.js";

export { activity } from "../client/index.js";

export const client = createClient();

/**
 * The open conversation, the number of the message in it to show, whether its newest message is seen as it comes, the conversation that the user is
 * leaving, and the words to show instead of the reason for which the session ends.
 */
export const view = { openId: null, seq: null, isReading: false, leavingId: null, farewell: null };

const GATHER_MS = 5; // a burst of changes is one rendering
const listeners = new Map();
const changedTopics = new Set();
const dueTopics = new Set(); // announced when no press is under way

client.on("change", announce);

// topics: those of the client, and "opened" and "rows": what parts of rows show has changed beside their messages
export function on(topic, listener) {
  listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
}

/** Announces a change that is the page's own. */
export function changed(...topics) {
  if (changedTopics.size === 0) setTimeout(announceOwn, GATHER_MS);
  for (const topic of topics) changedTopics.add(topic);
}

function announceOwn() {
  const topics = [...changedTopics];
  changedTopics.clear();
  announce(topics);
}

function announce(topics) {
  for (const topic of topics) dueTopics.add(topic);
  afterPress(announceDue);
}

function announceDue() {
  const topics = [...dueTopics];
  dueTopics.clear();
  if (!client.user) return; // the page is about to be loaded anew
  for (const listener of new Set(topics.flatMap((topic) => listeners.get(topic) ?? []))) listener();
}
