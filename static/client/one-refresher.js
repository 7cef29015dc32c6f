// One refresher over all tabs of a browser, because a refresh token can be used once. Where the origin is secure, a Web Lock is
// held for the request. Elsewhere two tabs may refresh at once: within 30 s the server gives both the same successor.

/** @import { Environment } from "./types.js" */

const LOCK = "chinwag.refresh";
const WAIT_MS = 25_000; // longer than a request takes: a tab that holds the lock for more is frozen

/**
 * Runs the work when no other tab runs its own. `hasWaited`: another tab did so a moment ago.
 * @template T
 * @param {Environment} environment
 * @param {(hasWaited: boolean) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function asOneRefresher({ locks }, work) {
  if (!locks) return work(false);
  /** @type {Promise<T> | null} */
  let running = null;
  const run = (/** @type {boolean} */ hasWaited) => (running = work(hasWaited));
  await locks.request(LOCK, { ifAvailable: true }, (lock) => lock && run(false)).catch(() => {});
  if (!running) await locks.request(LOCK, { signal: AbortSignal.timeout(WAIT_MS) }, () => run(true)).catch(() => {});
  return running ?? work(true);
}
