// Sends the server how far the user has read.

/** @import { Connection } from "./connection.js" */
/** @import { Conversations } from "./conversations.js" */
/** @import { Frame } from "./types.js" */

export const REF = "read";

export class ReadState {
  /** @type {Map<string, number>} what the server does not know yet: the number up to which a conversation is read */
  #unsent = new Map();
  /** @type {"unknown" | "asked" | "understood" | "refused"} whether this server knows the frame */
  #knows = "unknown";
  #connection;
  #conversations;

  /** @param {Connection} connection @param {Conversations} conversations */
  constructor(connection, conversations) {
    this.#connection = connection;
    this.#conversations = conversations;
  }

  /** The connection is new, perhaps to a server of another version. */
  begin() {
    this.#knows = "unknown";
    this.#send();
  }

  /** The user has seen the newest message. @param {string} conversationId */
  markRead(conversationId) {
    const conversation = this.#conversations.get(conversationId);
    if (!conversation || !this.#connection.isLive || !conversation.unread_count) return;
    this.#conversations.read(conversation);
    this.#unsent.set(conversationId, conversation.last_seq);
    this.#send();
  }

  /** The user has read on another device. @param {Frame} frame */
  apply({ conversation_id, up_to_seq }) {
    const conversation = this.#conversations.get(conversation_id);
    if (conversation && up_to_seq >= conversation.last_seq) this.#conversations.read(conversation);
  }

  /** The answer to the ping behind the first receipt: a refusal would have come before it. */
  pong() {
    if (this.#knows === "asked") this.#knows = "understood";
    this.#send();
  }

  /** @param {Frame} frame an error */
  refused({ status }) {
    if (status === 400) this.#knows = "refused";
  }

  wipe() {
    this.#unsent.clear();
  }

  // A server of another version may not know receipts, and ten refused frames in a row end a connection. So a ping follows the
  // first receipt of a connection, and the others wait for its pong.
  #send() {
    if (this.#knows === "refused") this.#unsent.clear();
    for (const [conversation_id, seq] of this.#unsent) {
      if (this.#knows === "asked") return;
      if (!this.#connection.send({ type: "message.read", ref: REF, conversation_id, seq })) return;
      this.#unsent.delete(conversation_id);
      if (this.#knows === "understood") continue;
      this.#knows = "asked";
      this.#connection.send({ type: "ping", ref: REF });
    }
  }
}
