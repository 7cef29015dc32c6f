// A list of the REST API that is loaded page by page.

import { asProblem } from "./http.js";

/** @import { Problem } from "./http.js" */
/** @import { Rest } from "./rest.js" */

const EMPTY_PAGES_MOST = 5; // a page of a search can be empty although others follow it

/**
 * @typedef {object} Hooks
 * @property {() => void} changed items, `isLoading` or `problem` have changed
 * @property {(items: any[]) => void} [arrived] of a new page
 */

export class PagedList {
  /** @type {any[]} */
  items = [];
  isLoading = false;
  /** @type {Problem | null} why the last load failed; `more` repeats it */
  problem = null;
  #rest;
  #hooks;
  #path = "";
  /** @type {string | null} the cursor of the next page, empty for the first one */
  #next = null;
  #run = 0; // an answer to an earlier run is ignored

  /** @param {Rest} rest @param {Hooks} hooks */
  constructor(rest, hooks) {
    this.#rest = rest;
    this.#hooks = hooks;
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** Loads the first page. The items stay until it has arrived. @param {string} path with a query */
  async start(path) {
    this.#path = path;
    this.#next = "";
    await this.#load(this.#next);
  }

  /** Loads the next page, or tries the page again that failed. */
  async more() {
    if (this.#next !== null && !this.isLoading) await this.#load(this.#next);
  }

  /** Removes an item that no longer exists. @param {any} item */
  drop(item) {
    this.items = this.items.filter((other) => other !== item);
    this.#hooks.changed();
  }

  clear() {
    this.#run += 1;
    this.#next = null;
    Object.assign(this, { items: [], isLoading: false, problem: null });
    this.#hooks.changed();
  }

  /** @param {string} cursor @returns {Promise<void>} */
  async #load(cursor) {
    const run = ++this.#run;
    Object.assign(this, { isLoading: true, problem: null });
    this.#hooks.changed();
    const earlier = cursor ? this.items : [];
    try {
      const { items, next } = await this.#page(cursor, () => run === this.#run);
      if (run !== this.#run) return;
      this.#hooks.arrived?.(items);
      this.items = [...earlier, ...items];
      this.#next = next;
    } catch (error) {
      if (run !== this.#run) return;
      this.problem = asProblem(error);
      // A server of another version may not read the cursor: the list begins again.
      if (cursor && this.problem.errors.some(({ field }) => field === "cursor")) return this.#load("");
      this.items = earlier;
    }
    this.isLoading = false;
    this.#hooks.changed();
  }

  /** @param {string | null} next @param {() => boolean} isExpected */
  async #page(next, isExpected) {
    /** @type {any[]} */
    let items = [];
    for (let pages = 0; next !== null && items.length === 0 && pages < EMPTY_PAGES_MOST && isExpected(); pages += 1) {
      ({ items, next } = await this.#rest.get(this.#path + (next && `&cursor=${encodeURIComponent(next)}`)));
    }
    return { items, next };
  }
}
