// The refresh of tokens. One tab of a browser refreshes for all, because a refresh token can be used once. Where the origin is secure, a
// Web Lock is held for the request. Elsewhere two tabs may refresh at once: within 30 s the server gives both the same successor.

/** @import { Environment, Tokens } from "./types.js" */

const LOCK = "chinwag.refresh";
const LOCK_WAIT_MS = 25_000; // longer than a request takes: a tab that holds the lock for more is frozen
const NEWS_MS = 2_000; // in which the message of a tab that has refreshed arrives at the others

/**
 * @typedef {object} Hooks
 * @property {() => Tokens} current throws if the user is logged out
 * @property {() => void} look takes the tokens that another tab has stored
 * @property {(used: Tokens) => Promise<void>} exchange gets new tokens from the server
 */

export class Refresher {
  #environment;
  #hooks;
  /** @type {Promise<string> | null} */
  #running = null;
  #stopWaiting = () => {};

  /** @param {Environment} environment @param {Hooks} hooks */
  constructor(environment, hooks) {
    this.#environment = environment;
    this.#hooks = hooks;
  }

  /** Returns a new access token; or, if another call or tab has got one already, that one. */
  refresh() {
    this.#running ??= this.#refresh().finally(() => { this.#running = null; });
    return this.#running;
  }

  /** Another tab has refreshed the login, and this one has its tokens. */
  refreshedElsewhere() {
    this.#stopWaiting();
  }

  async #refresh() {
    const before = this.#hooks.current();
    await this.#alone(async (hasWaited) => {
      const isOld = () => this.#hooks.current().refresh_token === before.refresh_token;
      this.#hooks.look();
      // Between processes of a browser a lock can be faster than a storage.
      if (hasWaited && isOld()) await this.#news();
      if (isOld()) await this.#hooks.exchange(before);
    });
    return this.#hooks.current().access_token;
  }

  /**
   * Runs the work when no other tab runs its own. `hasWaited`: another tab did so a moment ago.
   * @param {(hasWaited: boolean) => Promise<void>} work
   */
  async #alone(work) {
    const { locks } = this.#environment;
    if (!locks) return work(false);
    /** @type {Promise<void> | null} */
    let running = null;
    const run = (/** @type {boolean} */ hasWaited) => (running = work(hasWaited));
    await locks.request(LOCK, { ifAvailable: true }, (lock) => lock && run(false)).catch(() => {});
    if (!running) await locks.request(LOCK, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, () => run(true)).catch(() => {});
    return running ?? work(true);
  }

  /** Waits for the message of the tab that has refreshed. @returns {Promise<void>} */
  #news() {
    const { clock } = this.#environment;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, NEWS_MS);
      this.#stopWaiting = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}
