// A browser with tabs, which share a storage, Web Locks and a channel.

import { createClient } from "../../../static/client/index.js";
import { MemoryStorage } from "../../../static/client/environment.js";
import { FakeClock, settled } from "./clock.js";
import { FakeServer } from "./server.js";

export class FakeBrowser {
  local = new MemoryStorage();
  server = new FakeServer();
  clock = new FakeClock();
  /** Full jitter with this number waits half of the longest time. */
  random = 0.5;
  #locks = new Map();
  #channels = new Set();

  constructor({ isSecure = true, hasChannel = true } = {}) {
    Object.assign(this, { isSecure, hasChannel });
  }

  /** Opens a tab. Its `session` storage is new, or that of a tab that was loaded again or duplicated. */
  open(session = new MemoryStorage()) {
    const [held, channel] = [new Set(), this.hasChannel ? new FakeChannel(this.#channels) : null];
    const client = createClient({
      baseUrl: "http://chat.example/",
      storage: { local: this.local, session },
      fetch: this.server.fetch,
      WebSocket: this.server.WebSocket,
      locks: this.isSecure ? this.#locksOf(held) : null,
      channel,
      clock: this.clock,
      random: () => this.random,
    });
    const events = [];
    for (const type of ["message", "sent", "failed", "ended", "connection"]) client.on(type, (detail) => events.push({ type, ...detail }));
    const close = async () => {
      client.close();
      for (const release of held) release();
      await settled();
    };
    // A tab that is killed says nothing: its timers stop, and the browser frees its locks.
    return { client, session, events, close, ended: () => events.filter(({ type }) => type === "ended") };
  }

  /** Opens a tab and logs Ada in. */
  async loggedIn({ isKept = false } = {}) {
    const tab = this.open();
    await tab.client.login("ada", "correct horse", { isKept });
    await this.server.socket.hello();
    return tab;
  }

  /** Holds a lock for ever, as a tab that is frozen. */
  occupy(name) {
    this.#locks.set(name, new Promise(() => {}));
  }

  #locksOf(held) {
    return {
      request: async (name, { ifAvailable, signal }, work) => {
        if (ifAvailable && this.#locks.has(name)) return work(null);
        signal?.throwIfAborted();
        while (this.#locks.has(name)) await this.#locks.get(name);
        let release = () => {};
        const isHeld = new Promise((resolve) => { release = resolve; });
        this.#locks.set(name, isHeld);
        const free = () => {
          if (this.#locks.get(name) === isHeld) this.#locks.delete(name);
          release();
        };
        held.add(free);
        try {
          return await work({ name });
        } finally {
          free();
        }
      },
    };
  }
}

/** A channel is slower than a lock and a storage. */
async function late(work) {
  for (let turn = 0; turn < 3; turn += 1) await settled();
  work();
}

class FakeChannel {
  onmessage = null;
  #all;

  constructor(all) {
    this.#all = all.add(this);
  }

  postMessage(message) {
    const data = structuredClone(message);
    for (const other of this.#all) if (other !== this) late(() => other.onmessage?.({ data }));
  }

  close() {
    this.#all.delete(this);
  }
}
