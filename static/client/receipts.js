// How far the other members of conversations have received and read. Groups over 200 have no receipts.

/** @import { Account } from "./account.js" */
/** @import { Emitter } from "./emitter.js" */
/** @import { Frame, Message, Receipt } from "./types.js" */

export class Receipts {
  /** @type {Map<string, Map<string, Receipt>>} by conversation and user */
  #known = new Map();
  /** @type {Map<string, { read: number, delivered: number, blocked: unknown }>} by conversation: the least of the members who count, and who was blocked then */
  #least = new Map();
  #account;
  #emitter;

  /** @param {Account} account @param {Emitter} emitter */
  constructor(account, emitter) {
    this.#account = account;
    this.#emitter = emitter;
  }

  /** Some members have received or read more. Says nothing of the others. @param {Frame} frame `message.read` or `message.delivered` */
  apply({ conversation_id, receipts }) {
    const known = this.#known.get(conversation_id);
    // Without those of all members a status would claim what nobody knows; `resumed` brings them.
    if (!known) return;
    for (const [userId, receipt] of entries(receipts)) known.set(userId, later(known.get(userId), receipt));
    this.#changed(conversation_id);
  }

  /** The receipts of all members. @param {Frame} frame `resumed` */
  replace({ conversation_id, receipts }) {
    if (!receipts) this.#known.delete(conversation_id);
    else this.#known.set(conversation_id, new Map(entries(receipts)));
    this.#changed(conversation_id);
    // The receipts of who is blocked stand still, and are marked as those of who hides them.
    const mayBeBlocked = entries(receipts).some(([, { read_seq }]) => read_seq === null);
    if (mayBeBlocked) this.#account.loadBlocked().then(() => this.#emitter.changed("receipts"), () => {});
  }

  /** A user has sent this message, and has read what is before it. @param {Message} message */
  sent({ conversation_id, sender_id, seq }) {
    const receipt = this.#known.get(conversation_id)?.get(sender_id);
    if (!receipt) return;
    const read_seq = receipt.read_seq === null ? null : seq;
    this.apply({ type: "message.read", conversation_id, receipts: { [sender_id]: { delivered_seq: seq, read_seq } } });
  }

  /** A new member has read what was there before. @param {string} conversationId @param {string} userId @param {number} seq */
  joined(conversationId, userId, seq) {
    this.#known.get(conversationId)?.set(userId, { delivered_seq: seq, read_seq: seq });
    this.#changed(conversationId);
  }

  /** @param {string} conversationId @param {string} userId */
  left(conversationId, userId) {
    if (this.#known.get(conversationId)?.delete(userId)) this.#changed(conversationId);
  }

  /** False in groups over 200, and before the conversation is opened. @param {string} conversationId */
  isKnown(conversationId) {
    return this.#known.has(conversationId);
  }

  /**
   * Returns the status of a message of the user: the least of the other members', without those whom the user blocks. Groups over 200 have the one
   * that the server said.
   * @param {Message} message @returns {"sent" | "delivered" | "read"}
   */
  statusOf({ conversation_id, sender_id, seq, status = "sent" }) {
    const { read, delivered } = this.#leastOf(conversation_id, sender_id);
    if (status === "read" || read >= seq) return "read";
    return status === "delivered" || delivered >= seq ? "delivered" : "sent";
  }

  /**
   * Returns the ids of the other members who have read a message, of those who have received it, and of the rest; null if they are not known.
   * @param {Message} message
   */
  of({ conversation_id, sender_id, seq }) {
    const known = this.#known.get(conversation_id);
    if (!known) return null;
    /** @type {{ read: string[], delivered: string[], sent: string[] }} */
    const by = { read: [], delivered: [], sent: [] };
    for (const [userId, { read_seq, delivered_seq }] of known) {
      if (userId === sender_id) continue;
      by[read_seq !== null && read_seq >= seq ? "read" : delivered_seq >= seq ? "delivered" : "sent"].push(userId);
    }
    return by;
  }

  /** @param {string} conversationId */
  forget(conversationId) {
    this.#known.delete(conversationId);
    this.#least.delete(conversationId);
  }

  wipe() {
    this.#known.clear();
    this.#least.clear();
  }

  // Kept, because a view asks for each of its messages.
  /** @param {string} conversationId @param {string} senderId */
  #leastOf(conversationId, senderId) {
    const { blocked } = this.#account;
    let least = this.#least.get(conversationId);
    if (!least || least.blocked !== blocked) {
      const doesCount = (/** @type {string} */ userId) => userId !== senderId && !blocked?.has(userId);
      const others = [...this.#known.get(conversationId) ?? []].filter(([userId]) => doesCount(userId)).map(([, receipt]) => receipt);
      const of = (/** @type {(receipt: Receipt) => number} */ number) => (others.length ? Math.min(...others.map(number)) : 0);
      least = { read: of(({ read_seq }) => read_seq ?? 0), delivered: of(({ delivered_seq }) => delivered_seq), blocked };
      this.#least.set(conversationId, least);
    }
    return least;
  }

  /** @param {string} conversationId */
  #changed(conversationId) {
    this.#least.delete(conversationId);
    this.#emitter.changed("receipts");
  }
}

/** @param {Record<string, Receipt>} receipts @returns {[string, Receipt][]} */
const entries = (receipts) => Object.entries(receipts ?? {});

/**
 * Numbers rise; a `read_seq` of null is a member who does not show it.
 * @param {Receipt | undefined} known @param {Receipt} next
 * @returns {Receipt}
 */
function later(known, { delivered_seq, read_seq }) {
  return {
    delivered_seq: Math.max(known?.delivered_seq ?? 0, delivered_seq ?? 0),
    read_seq: read_seq === null ? null : Math.max(known?.read_seq ?? 0, read_seq),
  };
}
