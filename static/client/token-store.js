// Where the tokens of a login are kept: in `local`, which all tabs share and which survives closing them, or in `session`.

import { browserStorages, readJson } from "./environment.js";

/** @import { Storages, Tokens, User } from "./types.js" */

const KEY = "chinwag.session";

export class TokenStore {
  #storage;

  /** @param {Storages} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * Returns the tokens of this tab, else those that all tabs share.
   * @returns {{ tokens: Tokens, isKept: boolean } | null}
   */
  read() {
    const { session, local } = this.#storage;
    const own = valid(readJson(session, KEY));
    if (own) return { tokens: own, isKept: false };
    const shared = valid(readJson(local, KEY));
    return shared && { tokens: shared, isKept: true };
  }

  /** @param {Tokens} tokens @param {boolean} isKept */
  write(tokens, isKept) {
    const [storage, other] = isKept ? [this.#storage.local, this.#storage.session] : [this.#storage.session, null];
    other?.removeItem(KEY);
    try {
      storage.setItem(KEY, JSON.stringify(tokens));
    } catch {
      // With full storage the login ends with the page.
    }
  }

  /**
   * Replaces the tokens of a login. If another tab has begun another login meanwhile, that one stays.
   * @param {Tokens} tokens @param {boolean} isKept
   */
  update(tokens, isKept) {
    const storage = isKept ? this.#storage.local : this.#storage.session;
    if (readJson(storage, KEY)?.login === tokens.login) this.write(tokens, isKept);
  }

  /**
   * Removes the tokens of a login. Those of another login, which another tab has begun meanwhile, stay.
   * @param {string} login
   */
  remove(login) {
    for (const storage of [this.#storage.local, this.#storage.session]) {
      if (readJson(storage, KEY)?.login === login) storage.removeItem(KEY);
    }
  }
}

/**
 * Returns the user whose login this browser keeps. A page can ask before it loads the client.
 * @returns {User | null}
 */
export const keptUser = () => new TokenStore(browserStorages()).read()?.tokens.user ?? null;

/**
 * @param {any} tokens
 * @returns {Tokens | null}
 */
function valid(tokens) {
  const texts = [tokens?.login, tokens?.access_token, tokens?.refresh_token, tokens?.user?.id];
  const numbers = [tokens?.expires_at, tokens?.lasts_ms];
  return texts.every((text) => typeof text === "string") && numbers.every(Number.isFinite) ? tokens : null;
}
