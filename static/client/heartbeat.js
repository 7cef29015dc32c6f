// Notices that a connection is dead. A network can fail silently (a closed lid, another Wi-Fi): the socket then stays open
// for minutes, and only a ping that nobody answers shows it.

/** @import { Environment } from "./types.js" */

const GRACE_MS = 5_000; // a heartbeat may be so late
const ANSWER_MS = 10_000;
const DEFAULT_HEARTBEAT_MS = 25_000;
const PATIENCE_MS = 5_000; // who waits for an answer learns after this that there is none yet

export class Heartbeat {
  #clock;
  #ping;
  #dead;
  #silent;
  #timer = 0;
  #patience = 0;
  #silenceMs = DEFAULT_HEARTBEAT_MS + GRACE_MS;
  #isProbing = false;

  /**
   * @param {Environment} environment
   * @param {{ ping: () => void, dead: () => void, silent: () => void }} hooks
   */
  constructor({ clock }, { ping, dead, silent }) {
    this.#clock = clock;
    this.#ping = ping;
    this.#dead = dead;
    this.#silent = silent;
  }

  /**
   * The server sends at least one frame in this time.
   * @param {number | undefined} milliseconds
   */
  expectEvery(milliseconds = DEFAULT_HEARTBEAT_MS) {
    this.#silenceMs = milliseconds + GRACE_MS;
  }

  /** A handshake has begun. */
  handshake() {
    this.#wait(ANSWER_MS, this.#dead);
    this.expectAnswer();
  }

  /** Something is sent that the server answers. */
  expectAnswer() {
    this.#patience ||= this.#clock.setTimeout(this.#silent, PATIENCE_MS);
  }

  /** A frame has arrived. */
  received() {
    this.#isProbing = false;
    this.#endPatience();
    this.#wait(this.#silenceMs, () => this.probe());
  }

  /** Pings now. A ping that is on its way already is not repeated, so that its time runs out. */
  probe() {
    if (this.#isProbing) return;
    this.#wait(ANSWER_MS, this.#dead);
    this.#isProbing = true;
    this.#ping();
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
    this.#endPatience();
    this.#isProbing = false;
  }

  #endPatience() {
    this.#clock.clearTimeout(this.#patience);
    this.#patience = 0;
  }

  /** @param {number} milliseconds @param {() => void} then */
  #wait(milliseconds, then) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(then, milliseconds);
  }
}
