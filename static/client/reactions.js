// Reacts in the user's name. A reaction shows at once, and the server is asked until it has what the user wished last.

import { withConfirmed, withWish } from "./reaction-counts.js";

/** @import { Emitter } from "./emitter.js" */
/** @import { History } from "./history.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Message, User } from "./types.js" */

/** @typedef {{ messageId: string, emoji: string, isWanted: boolean, done: Promise<void> }} Wish */

export class Reactions {
  /** @type {Map<string, Wish>} what is asked of the server, by message and emoji */
  #wishes = new Map();
  #rest;
  #history;
  #emitter;

  /** @param {Rest} rest @param {History} history @param {Emitter} emitter */
  constructor(rest, history, emitter) {
    this.#rest = rest;
    this.#history = history;
    this.#emitter = emitter;
  }

  /** Returns the reactions of a message, with those that the server is being asked for. @param {Message} message */
  of(message) {
    let shown = message;
    for (const { messageId, emoji, isWanted } of this.#wishes.values()) {
      if (messageId === message.id) shown = withWish(shown, emoji, isWanted);
    }
    return shown.reactions ?? [];
  }

  /** Reacts with an emoji, or takes the reaction back. Fails with the Problem of the server. @param {Message} message @param {string} emoji */
  toggle(message, emoji) {
    const isOwn = this.of(message).some((one) => one.emoji === emoji && one.me);
    return this.set(message, emoji, !isOwn);
  }

  /** @param {Message} message @param {string} emoji @param {boolean} isWanted @returns {Promise<void>} */
  set(message, emoji, isWanted) {
    const key = `${message.id} ${emoji}`;
    const asked = this.#wishes.get(key);
    const wish = asked ?? { messageId: message.id, emoji, isWanted, done: Promise.resolve() };
    wish.isWanted = isWanted;
    if (!asked) {
      this.#wishes.set(key, wish);
      wish.done = this.#ask(key, wish, message);
    }
    this.#show(message);
    return wish.done;
  }

  /**
   * Returns users who reacted with an emoji, `most` or a little more.
   * @param {Message} message @param {string} emoji @param {number} most @returns {Promise<User[]>}
   */
  async who(message, emoji, most) {
    const items = await this.#rest.all(`${path(message)}?emoji=${encodeURIComponent(emoji)}&limit=${most}`, most);
    return items.map(({ user }) => user);
  }

  wipe() {
    this.#wishes.clear();
  }

  /** @param {string} key @param {Wish} wish @param {Message} message */
  async #ask(key, wish, message) {
    const { emoji } = wish;
    const url = `${path(message)}/${encodeURIComponent(emoji)}`;
    try {
      let isAdded;
      do {
        isAdded = wish.isWanted;
        await (isAdded ? this.#rest.put(url) : this.#rest.remove(url));
      } while (wish.isWanted !== isAdded);
      const confirmed = (/** @type {Message} */ known) => withConfirmed(known, emoji, isAdded);
      this.#history.get(message.conversation_id)?.receive((timeline) => timeline.change(message.id, confirmed));
    } finally {
      this.#wishes.delete(key);
      this.#show(message);
    }
  }

  /** The message has other reactions now, so it is another object: views draw those again that are. @param {Message} message */
  #show({ conversation_id, id }) {
    this.#history.get(conversation_id)?.change(id, (known) => ({ ...known }));
    this.#emitter.changed("timeline");
  }
}

/** @param {Message} message */
const path = ({ conversation_id, id }) => `/v1/conversations/${conversation_id}/messages/${id}/reactions`;
