// Calls of the REST API in the user's name. A call whose token has expired is repeated with a new one.

import { Problem } from "./http.js";

/** @import { Http } from "./http.js" */
/** @import { Session } from "./session.js" */
/** @import { Page } from "./types.js" */

export class Rest {
  #http;
  #session;

  /** @param {Http} http @param {Session} session */
  constructor(http, session) {
    this.#http = http;
    this.#session = session;
  }

  /** @param {string} path */
  get(path) {
    return this.#call("GET", path);
  }

  /** @param {string} path @param {unknown} body */
  post(path, body) {
    return this.#call("POST", path, body);
  }

  /** @param {string} path @param {unknown} body */
  patch(path, body) {
    return this.#call("PATCH", path, body);
  }

  /** @param {string} path @param {unknown} [body] */
  put(path, body) {
    return this.#call("PUT", path, body);
  }

  /** @param {string} path @param {unknown} [body] */
  remove(path, body) {
    return this.#call("DELETE", path, body);
  }

  /**
   * Returns the items of a list, from its beginning to `most` or a little more.
   * @param {string} path with a query
   * @param {number} [most]
   */
  async all(path, most = Infinity) {
    const items = [];
    let cursor = "";
    do {
      /** @type {Page} */
      const page = await this.get(path + cursor);
      items.push(...page.items);
      cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    } while (cursor && items.length < most);
    return items;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async #call(method, path, body) {
    const token = await this.#session.token();
    try {
      return await this.#http.request(method, path, { body, token });
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      if (error.code === "session_ended") {
        this.#session.end("You have been logged out. Please log in again.", { isWiped: true });
        throw error;
      }
      const current = await this.#session.token();
      const fresh = current === token ? await this.#session.refresh() : current;
      return this.#http.request(method, path, { body, token: fresh });
    }
  }
}
