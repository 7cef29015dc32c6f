// HTTP requests. Every failure is thrown as a Problem.

/** @import { Environment } from "./types.js" */

const ANSWER_MS = 20_000;

/** The server's error response (RFC 9457), or the absence of a response (status 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{ detail?: string, title?: string, code?: string, errors?: { field: string, detail: string }[], retry_after_ms?: number }} [members]
   */
  constructor(status, members = {}) {
    super(members.detail || members.title || `The server answered ${status}.`);
    this.status = status;
    this.code = members.code ?? "";
    this.errors = members.errors ?? [];
    /** The time after which a retry makes sense, if the server named one. */
    this.retryAfterMs = members.retry_after_ms ?? null;
  }
}

/** @param {unknown} error */
export const asProblem = (error) => (error instanceof Problem ? error : new Problem(0, { detail: String(error) }));

export class Http {
  #environment;

  /** @param {Environment} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  /**
   * Returns the content of the answer.
   * @param {string} method
   * @param {string} path
   * @param {{ body?: unknown, token?: string }} [content]
   * @returns {Promise<any>}
   */
  async request(method, path, { body, token } = {}) {
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await this.send(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }, ANSWER_MS);
    if (answer.status === 204) return null;
    const members = await answer.json().catch(() => null);
    if (!answer.ok) throw new Problem(answer.status, { retry_after_ms: retryAfterMs(answer), ...members });
    return members;
  }

  /**
   * Returns the answer as it is.
   * @param {string} path
   * @param {RequestInit} init
   * @param {number} milliseconds
   */
  async send(path, init, milliseconds) {
    try {
      return await this.#environment.fetch(this.#environment.baseUrl + path, { ...init, signal: AbortSignal.timeout(milliseconds) });
    } catch {
      throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached. Try again in a moment." });
    }
  }
}

/** @param {Response} answer */
export function retryAfterMs(answer) {
  const seconds = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}
