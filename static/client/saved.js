// The messages that the user keeps for later, on all devices.

/** @import { Emitter } from "./emitter.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Frame, Message, Page, SavedMessage } from "./types.js" */

const PAGE = 50;
const PAGE_MOST = 200;
const LIST = "/v1/users/me/saved";

export class Saved {
  /** @type {SavedMessage[]} the one that was saved last first, as far as they are loaded */
  items = [];
  isLoaded = false;
  /** @type {string | null} where the next page begins */
  next = null;
  #rest;
  #emitter;

  /** @param {Rest} rest @param {Emitter} emitter */
  constructor(rest, emitter) {
    this.#rest = rest;
    this.#emitter = emitter;
  }

  /** Loads the list from its beginning, as far as it was loaded. */
  async load() {
    const limit = Math.min(PAGE_MOST, Math.max(PAGE, this.items.length));
    /** @type {Page} */
    const page = await this.#rest.get(`${LIST}?limit=${limit}`);
    Object.assign(this, { items: page.items, next: page.next, isLoaded: true });
    this.#emitter.changed("saved");
  }

  async loadMore() {
    const cursor = this.next;
    if (!cursor) return;
    this.next = null;
    try {
      /** @type {Page} */
      const page = await this.#rest.get(`${LIST}?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
      this.items.push(...page.items.filter((item) => !this.has(item.conversation_id, item.message_id)));
      this.next = page.next;
    } catch (error) {
      this.next = cursor;
      throw error;
    }
    this.#emitter.changed("saved");
  }

  /** Returns true if a message is saved, as far as it is loaded. @param {string} conversationId @param {string} messageId */
  has(conversationId, messageId) {
    return this.items.some((item) => item.conversation_id === conversationId && item.message_id === messageId);
  }

  /** @param {Message} message */
  async save(message) {
    await this.#rest.put(path(message.conversation_id, message.id));
    this.#add(message.conversation_id, message.id, "", message);
  }

  /** @param {string} conversationId @param {string} messageId */
  async unsave(conversationId, messageId) {
    await this.#rest.remove(path(conversationId, messageId));
    this.#remove(conversationId, messageId);
  }

  /** A device of the user has saved a message. The frame does not have its text. @param {Frame} frame */
  saved({ conversation_id, message_id, saved_at }) {
    const item = this.items.find((known) => known.conversation_id === conversation_id && known.message_id === message_id);
    if (item) item.saved_at = saved_at;
    else if (this.isLoaded) this.load().catch(() => {});
  }

  /** @param {Frame} frame */
  unsaved({ conversation_id, message_id }) {
    this.#remove(conversation_id, message_id);
  }

  /** Shows a message as it is now. @param {Message} message */
  show(message) {
    const item = this.items.find((known) => known.conversation_id === message.conversation_id && known.message_id === message.id);
    if (!item) return;
    item.message = message.deleted_at ? null : message;
    this.#emitter.changed("saved");
  }

  /** The user is not in this conversation any more, and does not see its messages. @param {string} conversationId */
  lose(conversationId) {
    for (const item of this.items) if (item.conversation_id === conversationId) item.message = null;
    this.#emitter.changed("saved");
  }

  wipe() {
    Object.assign(this, { items: [], next: null, isLoaded: false });
  }

  /** @param {string} conversation_id @param {string} message_id @param {string} saved_at @param {Message} message */
  #add(conversation_id, message_id, saved_at, message) {
    if (this.has(conversation_id, message_id)) return;
    this.items.unshift({ conversation_id, message_id, saved_at, message });
    this.#emitter.changed("saved");
  }

  /** @param {string} conversationId @param {string} messageId */
  #remove(conversationId, messageId) {
    this.items = this.items.filter((item) => item.conversation_id !== conversationId || item.message_id !== messageId);
    this.#emitter.changed("saved");
  }
}

/** @param {string} conversationId @param {string} messageId */
const path = (conversationId, messageId) => `/v1/conversations/${conversationId}/messages/${messageId}/saved`;
