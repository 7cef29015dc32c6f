// Tells the server how far the user's devices have received, and how far the user has read.

/** @import { Connection } from "./connection.js" */
/** @import { Conversations } from "./conversations.js" */
/** @import { Clock, Frame } from "./types.js" */

export const REF = "read";

const GATHER_MS = 250; // what is read or received in this time is one frame for each conversation
const PAUSE_MS = 1_000; // before another try where the server names no time

export class ReadState {
  /** @type {Map<string, number>} the number up to which a conversation is read, until the server says that it has it */
  #read = new Map();
  /** @type {Set<string>} conversations of `#read` that are not sent on this connection */
  #unsent = new Set();
  /** @type {Map<string, number>} the number up to which a conversation is received, until it is sent */
  #received = new Map();
  /** @type {Map<string, number>} the number that was sent last on this connection */
  #acknowledged = new Map();
  #timer = 0;
  #clock;
  #connection;
  #conversations;

  /** @param {{ clock: Clock }} environment @param {Connection} connection @param {Conversations} conversations */
  constructor({ clock }, connection, conversations) {
    this.#clock = clock;
    this.#connection = connection;
    this.#conversations = conversations;
  }

  /** The connection is new. What the server has not confirmed may be lost, and is said again. */
  begin() {
    this.#unsent = new Set(this.#read.keys());
    this.#acknowledged.clear();
    this.#send();
  }

  /** The user has seen the newest message. @param {string} conversationId */
  markRead(conversationId) {
    const conversation = this.#conversations.get(conversationId);
    if (!conversation || !this.#connection.isLive || !(conversation.unread_count || conversation.unread_from_seq)) return;
    this.#conversations.read(conversation);
    this.#read.set(conversationId, conversation.last_seq);
    this.#unsent.add(conversationId);
    this.#soon();
  }

  /**
   * From this message on the conversation is unread, for the user alone. Returns false without a connection.
   * @param {string} conversationId @param {number} seq
   */
  markUnread(conversationId, seq) {
    this.#read.delete(conversationId);
    this.#unsent.delete(conversationId);
    return this.#connection.send({ type: "message.unread", ref: REF, conversation_id: conversationId, seq });
  }

  /** This device has the messages up to this number. @param {string} conversationId @param {number} seq */
  received(conversationId, seq) {
    if (seq <= Math.max(this.#received.get(conversationId) ?? 0, this.#acknowledged.get(conversationId) ?? 0)) return;
    this.#received.set(conversationId, seq);
    this.#soon();
  }

  /**
   * The state that the server has, also of reads on other devices. Returns false if the server must be asked for the conversation, because the
   * count is older than what this client has.
   * @param {Frame} frame
   */
  apply({ conversation_id, read_seq, unread_from_seq, unread_count, mention_count, notifications, last_seq }) {
    if (notifications) this.#conversations.setNotifications(conversation_id, notifications);
    const mine = this.#read.get(conversation_id) ?? 0;
    // A later read of this device is on its way.
    if (mine > read_seq) return true;
    this.#read.delete(conversation_id);
    this.#unsent.delete(conversation_id);
    return this.#conversations.setState(conversation_id, { read_seq, unread_from_seq, unread_count, mention_count }, last_seq);
  }

  /** @param {Frame} frame an error */
  refused({ conversation_id, retryable, retry_after_ms }) {
    if (!retryable) return void this.#read.delete(conversation_id);
    if (this.#read.has(conversation_id)) this.#unsent.add(conversation_id);
    this.#soon(retry_after_ms ?? PAUSE_MS);
  }

  wipe() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = 0;
    this.#read.clear();
    this.#unsent.clear();
    this.#received.clear();
    this.#acknowledged.clear();
  }

  #soon(milliseconds = GATHER_MS) {
    this.#timer ||= this.#clock.setTimeout(() => this.#send(), milliseconds);
  }

  #send() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = 0;
    for (const conversation_id of this.#unsent) {
      const seq = this.#read.get(conversation_id) ?? 0;
      if (!this.#connection.send({ type: "message.read", ref: REF, conversation_id, seq })) return;
      this.#unsent.delete(conversation_id);
      // What is read is received.
      if (seq >= (this.#received.get(conversation_id) ?? 0)) this.#received.delete(conversation_id);
      this.#acknowledged.set(conversation_id, seq);
    }
    for (const [conversation_id, seq] of this.#received) {
      if (!this.#connection.send({ type: "message.delivered", ref: REF, conversation_id, seq })) return;
      this.#received.delete(conversation_id);
      this.#acknowledged.set(conversation_id, seq);
    }
  }
}
