// The user's conversations: their data, and what is unread in them.

/** @import { Emitter } from "./emitter.js" */
/** @import { People } from "./people.js" */
/** @import { Conversation, Message, NotificationChoice } from "./types.js" */

// A conversation's values that events change. An answer may be older than the events that arrived meanwhile.
/** @type {("last_seq" | "last_message" | "unread_count" | "unread_from_seq" | "read_seq" | "mention_count" | "notifications")[]} */
const BY_EVENTS = ["last_seq", "last_message", "unread_count", "unread_from_seq", "read_seq", "mention_count", "notifications"];

/** Those of them that the user's devices set. */
const OWN_STATE = BY_EVENTS.filter((field) => field !== "last_seq" && field !== "last_message");

export class Conversations {
  /** @type {Map<string, Conversation>} */
  #byId = new Map();
  #changes = 0;
  /** @type {Map<string, number>} the changes when that of a conversation was made */
  #changedAt = new Map();
  #people;
  #emitter;

  /** @param {People} people @param {Emitter} emitter */
  constructor(people, emitter) {
    this.#people = people;
    this.#emitter = emitter;
  }

  get size() {
    return this.#byId.size;
  }

  /** @param {string | null | undefined} id */
  get(id) {
    return this.#byId.get(id ?? "");
  }

  /** @param {string | null | undefined} id */
  has(id) {
    return this.#byId.has(id ?? "");
  }

  ids() {
    return [...this.#byId.keys()];
  }

  /** Returns the conversations, latest activity first. */
  sorted() {
    return [...this.#byId.values()].sort((a, b) => activity(b) - activity(a));
  }

  /** Counts the changes of what is read and of notifications, for `learn`. */
  get changes() {
    return this.#changes;
  }

  /** @param {string} id */
  #noteChange(id) {
    this.#changes += 1;
    this.#changedAt.set(id, this.#changes);
  }

  /**
   * Adds a conversation, or the fields of it that are given. `since`: the changes when the server was asked; later ones are newer than its answer.
   * @param {Partial<Conversation> & { id: string }} conversation @param {number} [since]
   */
  learn(conversation, since = Infinity) {
    const known = this.#byId.get(conversation.id);
    this.#people.learn(conversation.peer);
    const merged = /** @type {Conversation} */ ({ ...known, ...conversation });
    if (known && known.last_seq > (conversation.last_seq ?? 0)) {
      for (const field of BY_EVENTS) Object.assign(merged, { [field]: known[field] });
    }
    if (known && (this.#changedAt.get(conversation.id) ?? 0) > since) {
      for (const field of OWN_STATE) Object.assign(merged, { [field]: known[field] });
    }
    this.#byId.set(conversation.id, merged);
    this.#emitter.changed("conversations", "people");
  }

  /** @param {string} id */
  forget(id) {
    this.#byId.delete(id);
    this.#changedAt.delete(id);
    this.#people.forgetMembers(id);
    this.#emitter.changed("conversations", "timeline");
  }

  /**
   * Takes the server's next answer as it is: the numbers may have gone back with a restored backup.
   * @param {string} id
   */
  distrust(id) {
    const conversation = this.#byId.get(id);
    if (conversation) Object.assign(conversation, { last_seq: 0, last_message: null, event_seq: 0, counted_seq: 0 });
  }

  /**
   * An event with this number, and perhaps with a message, has arrived. `userId` is the user of this client; `isMention`: the message mentions the user.
   * Returns true if no event with this number or a later one has arrived before. An answer may have shown the message already.
   * @param {Conversation} conversation @param {number} seq @param {Message | null | undefined} message @param {string | undefined} userId
   * @param {boolean} [isMention]
   */
  advance(conversation, seq, message, userId, isMention = false) {
    const isNext = seq > (conversation.event_seq ?? 0);
    if (isNext) conversation.event_seq = seq;
    const isNew = seq > conversation.last_seq;
    if (isNew) conversation.last_seq = seq;
    if (message) this.show(message);
    if (message?.seq === seq) {
      if (message.seq > (conversation.last_message?.seq ?? 0)) conversation.last_message = message;
      // The server has counted the messages that it had numbered when it answered.
      if (isNew && message.sender_id === userId) this.read(conversation);
      else if (isNew && message.type !== "system" && seq > (conversation.counted_seq ?? 0)) {
        conversation.unread_count = (conversation.unread_count ?? 0) + 1;
        if (isMention) conversation.mention_count = (conversation.mention_count ?? 0) + 1;
      }
    }
    this.#emitter.changed("conversations");
    return isNext;
  }

  /** An event has this number. @param {string} id @param {number} seq */
  raise(id, seq) {
    const conversation = this.#byId.get(id);
    if (conversation && seq > conversation.last_seq) conversation.last_seq = seq;
  }

  /**
   * Shows a message as it is now where it is a conversation's last one.
   * @param {Message} message
   */
  show(message) {
    const conversation = this.#byId.get(message.conversation_id);
    if (conversation?.last_message?.id !== message.id) return;
    conversation.last_message = message;
    this.#emitter.changed("conversations");
  }

  /**
   * Everything in the conversation is read.
   * @param {Conversation} conversation
   */
  read(conversation) {
    this.#noteChange(conversation.id);
    Object.assign(conversation, { read_seq: conversation.last_seq, unread_from_seq: null, unread_count: 0, mention_count: 0 });
    this.#emitter.changed("conversations");
  }

  /**
   * Takes the read state that the server has counted up to the number `countedSeq`. Later messages are counted as they come. Returns false if some have come
   * already, because this client does not keep which of them it has counted.
   * @param {string} id @param {Partial<Conversation>} state @param {number} countedSeq
   */
  setState(id, state, countedSeq) {
    const conversation = this.#byId.get(id);
    if (!conversation) return true;
    if (conversation.last_seq > countedSeq) return false;
    this.#noteChange(id);
    Object.assign(conversation, state, { counted_seq: countedSeq });
    this.#emitter.changed("conversations");
    return true;
  }

  /** @param {string} id @param {NotificationChoice} notifications */
  setNotifications(id, notifications) {
    this.#noteChange(id);
    const conversation = this.#byId.get(id);
    if (conversation) conversation.notifications = notifications;
    this.#emitter.changed("conversations");
  }

  wipe() {
    this.#byId.clear();
  }
}

/** @param {Conversation} conversation */
export const activity = ({ last_message, created_at }) => Date.parse(last_message?.timestamp ?? created_at);

/**
 * Returns true if the message with this number is unread.
 * @param {Conversation} conversation @param {number} seq
 */
export const isUnread = ({ read_seq = 0, unread_count = 0 }, seq) => unread_count > 0 && read_seq < seq;
