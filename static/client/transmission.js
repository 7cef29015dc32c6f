// Messages in flight: what is sent when, until the server answers. A late answer makes the client doubt the connection, and a refusal
// for a time makes it send one by one.

/** @import { Connection } from "./connection.js" */
/** @import { Clock, Unsent } from "./types.js" */

const LATE_MS = 5_000; // the server answers within this, or has trouble
const REPEAT_MS = 15_000; // after the acknowledgement was late, on a connection that lives

export class Transmission {
  #clock;
  #connection;
  #hooks;
  /** @type {Map<string, number>} the timers of messages in flight, by id */
  #inFlight = new Map();
  #isOneByOne = false; // each message waits for the one before it, until none waits
  #pause = 0;

  /**
   * @param {Clock} clock @param {Connection} connection
   * @param {{ firstPending: () => Unsent | undefined, late: (message: Unsent) => void }} hooks
   */
  constructor(clock, connection, hooks) {
    this.#clock = clock;
    this.#connection = connection;
    this.#hooks = hooks;
  }

  /** True while messages are sent one by one. */
  get isSlowed() {
    return this.#isOneByOne;
  }

  /** @param {string} id */
  has(id) {
    return this.#inFlight.has(id);
  }

  /** Sends a message, unless it has to wait for the connection or for others. @param {Unsent} message */
  send(message) {
    if (this.#isOneByOne && (this.#pause || message !== this.#hooks.firstPending())) return;
    const { id, conversation_id, content, reply_to } = message;
    if (!this.#connection.send({ type: "message.send", ref: id, conversation_id, id, content, reply_to })) return;
    this.#await(id, LATE_MS, () => {
      this.#hooks.late(message);
      this.#connection.probe();
      this.#await(id, REPEAT_MS, () => this.send(message));
    });
  }

  /** A message is answered, or given up. @param {string} id */
  landed(id) {
    this.#clock.clearTimeout(this.#inFlight.get(id) ?? 0);
    this.#inFlight.delete(id);
  }

  /** The next message may be sent, if each waits for the one before it. */
  goOn() {
    if (!this.#isOneByOne || this.#pause) return;
    const next = this.#hooks.firstPending();
    if (!next) this.#isOneByOne = false;
    else if (!this.has(next.id)) this.send(next);
  }

  /** The server takes a message not now. Later ones wait too, so that the order stays. @param {string} id @param {number} milliseconds */
  hold(id, milliseconds) {
    this.landed(id);
    this.#isOneByOne = true;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = this.#clock.setTimeout(() => {
      this.#pause = 0;
      this.goOn();
    }, milliseconds);
  }

  /** The connection is lost: nothing is in flight any more. */
  suspend() {
    for (const id of [...this.#inFlight.keys()]) this.landed(id);
    this.#clock.clearTimeout(this.#pause);
    this.#pause = 0;
  }

  /** @param {string} id @param {number} milliseconds @param {() => void} then */
  #await(id, milliseconds, then) {
    this.landed(id);
    this.#inFlight.set(id, this.#clock.setTimeout(then, milliseconds));
  }
}
