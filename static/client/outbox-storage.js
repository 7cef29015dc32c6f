// The unsent messages in the browser's storage, one entry for each tab of a user. A login that survives closing the browser
// keeps them in `local`; any other in `session`, so that nothing stays behind on a borrowed computer.

import { keysOf, readJson } from "./environment.js";
import { Tab } from "./tab.js";

/** @import { Environment, KeyValueStorage, Unsent } from "./types.js" */

const KEY = "chinwag.outbox.";

export class OutboxStorage {
  #isFull = false;
  #environment;
  #tab;
  #userId = "";
  #isKept = false;

  /** @param {Environment} environment */
  constructor(environment) {
    this.#environment = environment;
    this.#tab = new Tab(environment);
  }

  /** True if what is saved survives closing the page. */
  get isSafe() {
    return this.#isKept && !this.#isFull;
  }

  /** @param {string} userId @param {boolean} isKept */
  open(userId, isKept) {
    this.#userId = userId;
    this.#isKept = isKept;
  }

  /** @param {Unsent[]} messages */
  save(messages) {
    const { storage, clock } = this.#environment;
    const own = this.#isKept ? storage.local : storage.session;
    try {
      if (messages.length) own.setItem(this.#key(this.#tab.id), JSON.stringify({ alive_at: clock.now(), messages }));
      else own.removeItem(this.#key(this.#tab.id));
      this.#isFull = false;
    } catch {
      this.#isFull = true;
    }
  }

  /**
   * Hands over the messages of the user's tabs that are dead. They are removed when they have been taken.
   * @param {(messages: Unsent[]) => void} take
   */
  async takeOver(take) {
    for (const storage of [this.#environment.storage.local, this.#environment.storage.session]) {
      for (const key of keysOf(storage, this.#key(""))) {
        const tabId = key.slice(this.#key("").length);
        if (tabId !== this.#tab.id) await this.#takeEntry(storage, key, tabId, take);
      }
    }
  }

  /** Removes everything of a user, in all tabs. @param {string} userId */
  wipe(userId) {
    const { local, session } = this.#environment.storage;
    for (const storage of [local, session]) {
      for (const key of keysOf(storage, `${KEY}${userId}.`)) storage.removeItem(key);
    }
  }

  close() {
    this.#tab.close();
  }

  /** @param {string} tabId */
  #key(tabId) {
    return `${KEY}${this.#userId}.${tabId}`;
  }

  /**
   * @param {KeyValueStorage} storage @param {string} key @param {string} tabId
   * @param {(messages: Unsent[]) => void} take
   */
  async #takeEntry(storage, key, tabId, take) {
    const userId = this.#userId;
    const { alive_at: aliveAt = 0 } = readJson(storage, key) ?? {};
    await this.#tab.ifDead(tabId, aliveAt, () => {
      // Another tab may have taken it, or the user may have gone, while this one waited.
      const messages = readJson(storage, key)?.messages;
      if (userId !== this.#userId) return;
      if (Array.isArray(messages)) take(messages.filter(isUnsent));
      storage.removeItem(key);
    });
  }
}

/** @param {any} message */
function isUnsent(message) {
  const texts = [message?.id, message?.conversation_id, message?.content, message?.timestamp, message?.state];
  return texts.every((text) => typeof text === "string");
}
