// Why no WebSocket opens. A browser hides the answer to a handshake, so the client asks with a request.

import { retryAfterMs } from "./http.js";

/** @import { Environment } from "./types.js" */
/** @import { Http } from "./http.js" */

const ANSWER_MS = 5_000;
const CHANCE_MOST = 3; // so many handshakes may fail by chance while the server answers requests

export class Handshake {
  #environment;
  #http;
  #failures = 0; // in a row, while the server would let the client in

  /** @param {Environment} environment @param {Http} http */
  constructor(environment, http) {
    this.#environment = environment;
    this.#http = http;
  }

  succeeded() {
    this.#failures = 0;
  }

  /**
   * Returns the reason of a handshake that failed, in words if there are any, and when to come back if the server said so.
   * @returns {Promise<{ reason: string, isLasting: boolean, retryAfterMs?: number }>}
   */
  async explain() {
    const answer = await this.#http.send("/ws", { method: "OPTIONS" }, ANSWER_MS).catch(() => null);
    const origin = this.#environment.pageOrigin;
    if (!answer?.ok) {
      this.#failures = 0;
      const reason = answer ? "The server takes no connections now" : "The server cannot be reached";
      return { reason, isLasting: false, retryAfterMs: answer ? retryAfterMs(answer) : undefined };
    }
    // A browser sends `Origin` with OPTIONS as with a handshake, and only to an allowed origin the answer has the header.
    if (origin && !answer.headers.has("access-control-allow-origin")) {
      return { reason: `The server does not know this page as ${origin}; its proxy must pass on Host`, isLasting: true };
    }
    this.#failures += 1;
    const isBlocked = this.#failures >= CHANCE_MOST;
    return { reason: isBlocked ? "The server answers, but no WebSocket gets through to it" : "", isLasting: false };
  }
}
