// A clock that stands still until a test moves it.

/** Lets everything run that is not waiting for the clock. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Lets requests be asked, and answers be taken: each waits for others. */
export async function exchanged() {
  for (let turn = 0; turn < 5; turn += 1) await settled();
}

export class FakeClock {
  #now = Date.parse("2026-01-01T00:00:00Z");
  #timers = new Map();
  #last = 0;

  now = () => this.#now;

  setTimeout = (work, milliseconds) => {
    this.#timers.set(++this.#last, { at: this.#now + milliseconds, work });
    return this.#last;
  };

  clearTimeout = (timer) => void this.#timers.delete(timer);

  /** Lets so much time pass, one timer after the other. */
  async pass(milliseconds) {
    const end = this.#now + milliseconds;
    await settled();
    for (;;) {
      const [next] = [...this.#timers].sort(([a, x], [b, y]) => x.at - y.at || a - b);
      if (!next || next[1].at > end) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].work();
      await settled();
    }
    this.#now = end;
  }
}
