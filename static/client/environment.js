// The surroundings of the client: by default the browser's, or Node's. No other file names a global of a browser.

/** @import { Channel, Clock, Environment, KeyValueStorage, Options, Storages } from "./types.js" */

const CHANNEL = "chinwag";

/** @type {any} */
const scope = globalThis;

/**
 * @param {Options} options
 * @returns {Environment}
 */
export function makeEnvironment(options) {
  const pageOrigin = scope.location?.origin ?? null;
  const baseUrl = (options.baseUrl ?? pageOrigin ?? "").replace(/\/+$/, "");
  if (!/^https?:\/\//.test(baseUrl)) throw new TypeError("createClient needs a baseUrl that begins with http:// or https://");
  const { fetch = scope.fetch, WebSocket = scope.WebSocket } = options;
  if (!fetch || !WebSocket) throw new TypeError("This runtime has no fetch or no WebSocket; pass one to createClient");
  return {
    baseUrl,
    pageOrigin,
    storage: options.storage ?? browserStorages(),
    // A browser's fetch must be called on its global object.
    fetch: (...request) => fetch.call(scope, ...request),
    WebSocket,
    locks: options.locks === undefined ? scope.navigator?.locks ?? null : options.locks,
    // Without a shared storage there are no other tabs.
    channel: options.channel === undefined ? (browserStorage("localStorage") ? openChannel() : null) : options.channel,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

/** @type {Clock} */
const systemClock = {
  now: () => Date.now(),
  setTimeout: (work, milliseconds) => scope.setTimeout(work, milliseconds),
  clearTimeout: (timer) => scope.clearTimeout(timer),
};

/** @returns {Storages} those of the browser, or some that end with the page */
export function browserStorages() {
  const [local, session] = [browserStorage("localStorage"), browserStorage("sessionStorage")];
  return { local: local ?? new MemoryStorage(), session: session ?? new MemoryStorage() };
}

/**
 * Returns null where there is no such storage. A browser that keeps no site data throws when it is named.
 * @param {"localStorage" | "sessionStorage"} name
 * @returns {KeyValueStorage | null}
 */
function browserStorage(name) {
  try {
    return scope.location ? scope[name] ?? null : null;
  } catch {
    return null;
  }
}

/** @returns {Channel | null} */
function openChannel() {
  return scope.BroadcastChannel ? new scope.BroadcastChannel(CHANNEL) : null;
}

/**
 * A storage that ends with the process or the tab.
 * @implements {KeyValueStorage}
 */
export class MemoryStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  get length() {
    return this.#items.size;
  }

  /** @param {number} index */
  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /** @param {string} key @param {string} value */
  setItem(key, value) {
    this.#items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }
}

/**
 * Returns the keys of a storage that begin with a text.
 * @param {KeyValueStorage} storage
 * @param {string} prefix
 */
export function keysOf(storage, prefix) {
  const keys = [];
  for (let index = 0; index < storage.length; index += 1) {
    const key = storage.key(index);
    if (key?.startsWith(prefix)) keys.push(key);
  }
  return keys;
}

/**
 * Returns the value of a key, or null if it is absent or not JSON.
 * @param {KeyValueStorage} storage
 * @param {string} key
 * @returns {any}
 */
export function readJson(storage, key) {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}
