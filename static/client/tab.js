// The life of this tab, by which the others know whether it still sends its messages. Where the origin is secure, a tab holds a
// Web Lock as long as it lives. Elsewhere it writes the time now and then.

import { uuid7 } from "./uuid7.js";

/** @import { Environment } from "./types.js" */

const LOCK = "chinwag.tab.";
const KEY = "chinwag.tab";
const DEAD_MS = 180_000; // browsers let a hidden tab run only once a minute

export class Tab {
  id;
  #environment;
  /** @type {string | null} this tab before it was loaded again; a duplicated tab has the id of the other */
  #previous;
  #release = () => {};

  /** @param {Environment} environment */
  constructor(environment) {
    this.#environment = environment;
    const { storage, clock, locks } = environment;
    this.id = uuid7(clock.now());
    this.#previous = storage.session.getItem(KEY);
    if (!locks) storage.session.setItem(KEY, this.id);
    const life = new Promise((resolve) => { this.#release = () => resolve(undefined); });
    locks?.request(LOCK + this.id, {}, () => life).catch(() => {});
  }

  /**
   * Runs the work if another tab is dead. Only one tab at a time does so.
   * @param {string} tabId @param {number} aliveAt when it wrote last
   * @param {() => void} work
   */
  async ifDead(tabId, aliveAt, work) {
    const { locks, clock } = this.#environment;
    if (locks) await locks.request(LOCK + tabId, { ifAvailable: true }, (lock) => lock && work());
    else if (tabId === this.#previous || clock.now() - aliveAt > DEAD_MS) work();
  }

  close() {
    this.#release();
  }
}
