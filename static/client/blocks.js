// The users whom the user blocks.

/** @import { Rest } from "./rest.js" */

const PAGE = 200;

export class Blocks {
  isLoaded = false;
  /** @type {Set<string>} */
  #ids = new Set();
  /** @type {Promise<void> | null} */
  #loading = null;
  #rest;

  /** @param {Rest} rest */
  constructor(rest) {
    this.#rest = rest;
  }

  /** Loads the blocks, once. */
  load() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** Returns true if the user blocks another one, as far as it is loaded. @param {string} userId */
  has(userId) {
    return this.#ids.has(userId);
  }

  /** @param {string} userId */
  async block(userId) {
    await this.#rest.put(`/v1/users/${userId}/block`);
    this.#ids.add(userId);
  }

  /** @param {string} userId */
  async unblock(userId) {
    await this.#rest.remove(`/v1/users/${userId}/block`);
    this.#ids.delete(userId);
  }

  wipe() {
    this.#ids.clear();
    Object.assign(this, { isLoaded: false });
    this.#loading = null;
  }

  async #load() {
    const blocks = await this.#rest.all(`/v1/users/me/blocks?limit=${PAGE}`);
    for (const { user } of blocks) this.#ids.add(user.id);
    this.isLoaded = true;
  }
}
