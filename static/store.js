// The data of this page: users, conversations and the loaded messages. Its only requests look up ids that are not
// known yet. Views subscribe to topics; a burst of changes causes one rendering.

import * as api from "./api.js";

export const people = new Map(); // user id → User
export const presence = new Map(); // user id → status
export const conversations = new Map(); // conversation id → Conversation
export const timelines = new Map(); // conversation id → Timeline
export const members = new Map(); // conversation id → [Member]
export const view = { openId: null, leavingId: null, connected: false, loaded: false, failed: "", next: null };

const listeners = new Map();
const changedTopics = new Set();
const lookups = new Map();

// topics: "conversations", "people" (names, presence, members), "timeline", "connection"
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, []);
  listeners.get(topic).push(listener);
}

export function changed(...topics) {
  // A timer and not an animation frame: the title of a hidden tab counts unread conversations too.
  if (changedTopics.size === 0) setTimeout(tellChanges, 5);
  for (const topic of topics) changedTopics.add(topic);
}

function tellChanges() {
  const told = new Set([...changedTopics].flatMap((topic) => listeners.get(topic) ?? []));
  changedTopics.clear();
  for (const listener of told) listener();
}

/** Runs a lookup once for all callers while it is in flight. A failed one may be repeated. */
function once(key, work) {
  if (!lookups.has(key)) {
    lookups.set(key, work().catch(() => lookups.delete(key)));
  }
  return lookups.get(key);
}

// Users

export function learnPerson(user) {
  if (!user?.id) return;
  people.set(user.id, { ...people.get(user.id), ...user });
  if (user.status !== undefined) presence.set(user.id, user.status);
  changed("people");
}

export function nameOf(userId) {
  const user = people.get(userId);
  if (user) return user.name;
  once(`user:${userId}`, async () => learnPerson(await api.get(`/v1/users/${userId}`)));
  return "…";
}

export const statusOf = (userId) =>
  userId === api.me()?.id ? (view.connected ? "online" : "offline") : presence.get(userId) ?? "offline";

/** The members have changed: loads them again if they were loaded before. */
export function reloadMembers(conversationId) {
  const wanted = lookups.delete(`members:${conversationId}`) || view.openId === conversationId;
  return wanted ? loadMembers(conversationId) : Promise.resolve();
}

export function loadMembers(conversationId) {
  return once(`members:${conversationId}`, async () => {
    const all = [];
    let cursor = "";
    do {
      const page = await api.get(`/v1/conversations/${conversationId}/members?limit=200${cursor}`);
      all.push(...page.items);
      cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    } while (cursor && all.length < 1000); // enough to show; a group may have ten times as many
    for (const member of all) learnPerson(member.user);
    members.set(conversationId, all);
    changed("people", "conversations");
  });
}

// Conversations

export function learnConversation(conversation) {
  const known = conversations.get(conversation.id);
  if (conversation.peer) learnPerson(conversation.peer);
  const merged = { ...known, ...conversation };
  // A response may be older than events that arrived meanwhile.
  if (known && known.last_seq > (conversation.last_seq ?? 0)) {
    for (const field of ["last_seq", "last_message", "unread_count", "read_seq"]) merged[field] = known[field];
  }
  conversations.set(conversation.id, merged);
  changed("conversations", "people");
}

export function forgetConversation(conversationId) {
  conversations.delete(conversationId);
  timelines.delete(conversationId);
  members.delete(conversationId);
  changed("conversations", "timeline");
}

export const activity = (conversation) => Date.parse(conversation.last_message?.timestamp ?? conversation.created_at);

export function titleOf(conversation) {
  if (conversation.type === "direct") {
    const peer = people.get(conversation.peer?.id);
    if (peer) return peer.name;
  } else if (conversation.name) {
    return conversation.name;
  }
  const others = members.get(conversation.id)?.filter((member) => member.user.id !== api.me().id);
  if (others?.length) {
    const names = others.slice(0, 3).map((member) => member.user.name);
    return names.join(", ") + (others.length > 3 ? ` and ${others.length - 3} more` : "");
  }
  if (!others) loadMembers(conversation.id);
  return conversation.type === "direct" ? "Direct conversation" : "Unnamed group";
}

export const myRole = (conversationId) =>
  members.get(conversationId)?.find((member) => member.user.id === api.me().id)?.role ?? "member";

// Timelines: a gapless range of a conversation's newest messages, sorted by seq

export class Timeline {
  messages = [];
  byId = new Map();
  state = "loading"; // of the load at its top: "loading", "idle", "failed"
  loaded = false;
  complete = false; // there are no earlier messages
  seen = 0; // every event up to this number is applied; a resume starts here
  newest = 0; // the highest known number, with perhaps a gap before it
  last = {}; // seq and id of the last event that has a message; a resume names it if it starts there
  resuming = false;
  early = []; // events that arrived before the first page

  /** Returns false if nothing changed: the message is there already, or older than this range. */
  apply(message) {
    const known = this.byId.get(message.id);
    if (known) {
      // Replays show a message as it is now, so an older state may arrive after a newer one.
      if (known.deleted_at || (known.edited_at ?? "") > (message.edited_at ?? message.deleted_at ?? "")) return false;
      this.messages[this.messages.indexOf(known)] = message;
    } else {
      if (!this.complete && this.loaded && message.seq < (this.messages[0]?.seq ?? 0)) return false;
      const after = this.messages.findLastIndex((other) => other.seq < message.seq);
      this.messages.splice(after + 1, 0, message);
    }
    this.byId.set(message.id, message);
    return true;
  }

  /** Applies the newest page, and then the events that arrived before it. */
  begin(page) {
    for (const message of page.items) this.apply(message);
    Object.assign(this, { state: "idle", loaded: true, complete: !page.has_more });
    this.seen = Math.max(this.seen, page.last_seq);
    if (page.items.length) this.witness(page.items.at(-1).seq, page.items.at(-1));
    for (const message of this.early.splice(0)) this.apply(message);
  }

  witness(seq, message) {
    if (message && seq >= (this.last.seq ?? 0)) this.last = { seq, id: message.id };
  }

  /** Where a resume starts. With the id the server notices that a restored backup has given the number to another event. */
  get point() {
    return this.last.seq === this.seen ? this.last : this.seen;
  }

  prepend(page, hasMore) {
    this.complete = true; // for a moment, so that earlier messages are accepted
    for (const message of page.toReversed()) this.apply(message);
    this.complete = !hasMore;
  }

  /** Drops the oldest messages, which are loaded again when the user scrolls there. */
  trim(length) {
    if (this.messages.length <= length) return;
    for (const message of this.messages.splice(0, this.messages.length - length)) this.byId.delete(message.id);
    this.complete = false;
  }
}
