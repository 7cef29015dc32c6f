// Events of the client. Changes of its data are gathered for some milliseconds, so that a burst of them is one event.

/** @import { Environment, Topic } from "./types.js" */

// A timer and not an animation frame: a hidden tab shows its unread conversations too.
const GATHER_MS = 5;

export class Emitter {
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #handlers = new Map();
  /** @type {Set<Topic>} */
  #changed = new Set();
  #clock;

  /** @param {Environment} environment */
  constructor({ clock }) {
    this.#clock = clock;
  }

  /**
   * Calls the handler at each event of the type. Returns the function that ends it.
   * @param {string} type
   * @param {(detail: any) => void} handler
   */
  on(type, handler) {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  /** Returns true if the type has a handler. Without one, a costly detail need not be made. @param {string} type */
  hears(type) {
    return Boolean(this.#handlers.get(type)?.size);
  }

  /** @param {string} type @param {any} [detail] */
  emit(type, detail) {
    for (const handler of [...(this.#handlers.get(type) ?? [])]) {
      try {
        handler(detail);
      } catch (error) {
        // The fault of one handler must not stop the others, nor the client.
        this.#clock.setTimeout(() => { throw error; }, 0);
      }
    }
  }

  /**
   * Announces that data has changed: the event `change`, with the topics.
   * @param {...Topic} topics
   */
  changed(...topics) {
    if (this.#changed.size === 0) this.#clock.setTimeout(() => this.#announce(), GATHER_MS);
    for (const topic of topics) this.#changed.add(topic);
  }

  #announce() {
    const topics = this.#changed;
    this.#changed = new Set();
    this.emit("change", topics);
  }
}
