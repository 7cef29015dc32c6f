// Texts that the user has begun and not sent, by conversation. They survive a reload and the end of a session, for their user alone.

import { keysOf } from "./environment.js";

/** @import { Environment, KeyValueStorage } from "./types.js" */

const KEY = "chinwag.draft.";

export class Drafts {
  #environment;
  #userId = "";
  #isKept = false;
  /** @type {Map<string, string>} those for which the storage has no room */
  #unkept = new Map();

  /** @param {Environment} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  /** @param {string} userId @param {boolean} isKept true if the login survives closing the browser */
  open(userId, isKept) {
    this.#userId = userId;
    this.#isKept = isKept;
  }

  /** @param {string} conversationId */
  get(conversationId) {
    const key = this.#key(conversationId);
    return this.#unkept.get(key) ?? this.#storages().map((storage) => storage.getItem(key)).find(Boolean) ?? "";
  }

  /** @param {string} conversationId @param {string} text */
  set(conversationId, text) {
    const key = this.#key(conversationId);
    this.#unkept.delete(key);
    for (const storage of this.#storages()) storage.removeItem(key);
    if (!text || !this.#userId) return;
    try {
      this.#storages()[0].setItem(key, text);
    } catch {
      this.#unkept.set(key, text);
    }
  }

  /** @param {{ isWiped: boolean }} how */
  close({ isWiped }) {
    if (isWiped && this.#userId) {
      for (const storage of this.#storages()) {
        for (const key of keysOf(storage, this.#key(""))) storage.removeItem(key);
      }
    }
    this.#unkept.clear();
    this.#userId = "";
  }

  /** @returns {KeyValueStorage[]} first the one to which this login writes */
  #storages() {
    const { local, session } = this.#environment.storage;
    return this.#isKept ? [local, session] : [session, local];
  }

  /** @param {string} conversationId */
  #key(conversationId) {
    return `${KEY}${this.#userId}.${conversationId}`;
  }
}
