// How long a client waits before it connects again. Full jitter: a thousand clients that lost the same server must not
// come back at the same moment.

/** @import { Environment } from "./types.js" */

const FIRST_MS = 500;
const LONGEST_MS = 15_000;
// A connection that lives for less proves nothing: a server that accepts and dies at once would be tried without end.
const STABLE_MS = 10_000;

export class Backoff {
  #environment;
  #attempts = 0;
  /** @type {number | null} */
  #openedAt = null;
  #notBefore = 0;

  /** @param {Environment} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  /** The connection is open. */
  opened() {
    this.#openedAt = this.#environment.clock.now();
  }

  /** The connection is lost. */
  closed() {
    const lived = this.#openedAt === null ? 0 : this.#environment.clock.now() - this.#openedAt;
    if (lived >= STABLE_MS) this.#attempts = 0;
    this.#openedAt = null;
  }

  /**
   * The server said when to come back (`draining`, `Retry-After`).
   * @param {number} milliseconds
   */
  obey(milliseconds) {
    this.#notBefore = this.#environment.clock.now() + milliseconds;
  }

  /** Returns the wait before the next attempt, in milliseconds. */
  next() {
    const asked = this.askedMs();
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    // The server spreads its clients by itself when it names a time.
    return asked > 0 ? asked : this.#environment.random() * longest;
  }

  /** Returns the rest of the wait that the server asked for. */
  askedMs() {
    return Math.max(0, this.#notBefore - this.#environment.clock.now());
  }
}
