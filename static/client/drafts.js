// Texts that the user has begun and not sent, by conversation. They survive a reload and the end of a session, for their user alone.

import { keysOf } from "./environment.js";

/** @import { Edit, Environment, KeyValueStorage, Reply } from "./types.js" */

const KEY = "chinwag.draft.";
const EDIT = ".edit"; // ends the key of an edit
const REPLY = ".reply"; // ends the key of the message that a draft answers

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

  /** False if a text that is begun would be lost with the page. */
  get isSafe() {
    return this.#unkept.size === 0 && (this.#isKept || keysOf(this.#environment.storage.session, this.#key("")).length === 0);
  }

  /** @param {string} conversationId */
  get(conversationId) {
    return this.#get(this.#key(conversationId));
  }

  /** @param {string} conversationId @param {string} text */
  set(conversationId, text) {
    this.#set(this.#key(conversationId), text);
  }

  /** Returns the message that the draft answers, or null. @param {string} conversationId @returns {Reply | null} */
  reply(conversationId) {
    try {
      const reply = JSON.parse(this.#get(this.#key(conversationId) + REPLY) || "null");
      return typeof reply?.id === "string" && typeof reply.quote?.content === "string" ? reply : null;
    } catch {
      return null;
    }
  }

  /** Returns the edit of a message that is begun and not saved, or null. @param {string} conversationId @returns {Edit | null} */
  edit(conversationId) {
    try {
      const edit = JSON.parse(this.#get(this.#key(conversationId) + EDIT) || "null");
      return [edit?.id, edit?.base, edit?.content].every((field) => typeof field === "string") ? edit : null;
    } catch {
      return null;
    }
  }

  /** @param {string} conversationId @param {Reply | null} reply */
  setReply(conversationId, reply) {
    this.#set(this.#key(conversationId) + REPLY, reply ? JSON.stringify(reply) : "");
  }

  /** @param {string} conversationId @param {Edit | null} edit */
  setEdit(conversationId, edit) {
    this.#set(this.#key(conversationId) + EDIT, edit ? JSON.stringify(edit) : "");
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

  /** @param {string} key */
  #get(key) {
    return this.#unkept.get(key) ?? this.#storages().map((storage) => storage.getItem(key)).find(Boolean) ?? "";
  }

  /** @param {string} key @param {string} text */
  #set(key, text) {
    this.#unkept.delete(key);
    for (const storage of this.#storages()) storage.removeItem(key);
    if (!text || !this.#userId) return;
    try {
      this.#storages()[0].setItem(key, text);
    } catch {
      this.#unkept.set(key, text);
    }
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
