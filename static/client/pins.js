// The pinned messages of conversations, the newest message first.

/** @import { Emitter } from "./emitter.js" */
/** @import { History } from "./history.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Clock, Frame, Message, Pin } from "./types.js" */

const PAGE = 100; // the protocol's limit of pinned messages in a conversation

export class Pins {
  /** @type {Map<string, Pin[]>} by conversation */
  #lists = new Map();
  /** @type {Map<string, object>} the newest load of each conversation */
  #loads = new Map();
  #clock;
  #rest;
  #history;
  #emitter;

  /** @param {{ clock: Clock }} environment @param {Rest} rest @param {History} history @param {Emitter} emitter */
  constructor({ clock }, rest, history, emitter) {
    this.#clock = clock;
    this.#rest = rest;
    this.#history = history;
    this.#emitter = emitter;
  }

  /** Returns the pinned messages of a conversation, or null until they are loaded. @param {string | null} conversationId */
  in(conversationId) {
    return this.#lists.get(conversationId ?? "") ?? null;
  }

  /** Loads the pinned messages of a conversation. A failed load leaves what was known. @param {string} conversationId */
  async load(conversationId) {
    const load = {};
    this.#loads.set(conversationId, load);
    try {
      const pins = await this.#rest.all(`/v1/conversations/${conversationId}/pins?limit=${PAGE}`);
      // A load that began later knows more, and a conversation that was left has none.
      if (this.#loads.get(conversationId) !== load) return;
      this.#lists.set(conversationId, pins);
      this.#emitter.changed("pins");
    } catch {
      // The next connection, or the next event of a pin, loads them.
    } finally {
      if (this.#loads.get(conversationId) === load) this.#loads.delete(conversationId);
    }
  }

  /** Pins a message. Fails with the Problem of the server. @param {Message} message */
  async pin(message) {
    await this.#rest.put(path(message));
  }

  /** Unpins a message. Fails with the Problem of the server. @param {Message} message */
  async unpin(message) {
    await this.#rest.remove(path(message));
  }

  /** A message was pinned or unpinned. @param {Frame} frame */
  apply({ type, conversation_id, message_id }) {
    const pinned_at = type === "message.pinned" ? new Date(this.#clock.now()).toISOString() : null;
    const pinned = (/** @type {Message} */ known) => (
      known.deleted_at || Boolean(known.pinned_at) === Boolean(pinned_at) ? known : { ...known, pinned_at });
    const isChanged = this.#history.get(conversation_id)?.receive((timeline) => timeline.change(message_id, pinned));
    if (isChanged) this.#emitter.changed("timeline");
    // The message may be one that this client has not loaded, and its place in the list depends on it.
    if (this.#lists.has(conversation_id) || this.#loads.has(conversation_id)) this.load(conversation_id);
  }

  /** A message has changed. @param {Message} message */
  show(message) {
    const pins = this.in(message.conversation_id);
    if (!pins?.some((pin) => pin.message.id === message.id)) return;
    const shown = message.deleted_at ? pins.filter((pin) => pin.message.id !== message.id)
      : pins.map((pin) => (pin.message.id === message.id ? { ...pin, message } : pin));
    this.#lists.set(message.conversation_id, shown);
    this.#emitter.changed("pins");
  }

  /** @param {string} conversationId */
  forget(conversationId) {
    this.#lists.delete(conversationId);
    this.#loads.delete(conversationId);
  }

  wipe() {
    this.#lists.clear();
    this.#loads.clear();
  }
}

/** @param {Message} message */
const path = ({ conversation_id, id }) => `/v1/conversations/${conversation_id}/messages/${id}/pin`;
