// The client tells the server whether the user is at this device. After some minutes without a sign of them the client says `presence.away`, and `presence.back` at the
// next sign.

/** @import { Connection } from "./connection.js" */
/** @import { Clock } from "./types.js" */

const AWAY_MS = 5 * 60_000;

export class OwnPresence {
  isAway = false;
  #clock;
  #connection;
  #seenAt = 0;
  #timer = 0;

  /** @param {{ clock: Clock }} environment @param {Connection} connection */
  constructor({ clock }, connection) {
    this.#clock = clock;
    this.#connection = connection;
  }

  /** The connection is new, and the server takes the user as present. */
  begin() {
    if (this.isAway) this.#connection.send({ type: "presence.away" });
  }

  /** The user is here. A page calls it at each key, press and movement; a program that never does is never away. */
  touch() {
    this.#seenAt = this.#clock.now();
    if (this.isAway) this.#connection.send({ type: "presence.back" });
    this.isAway = false;
    this.#watch();
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = 0;
  }

  // One timer for many signs: when it fires, it looks at the newest.
  #watch() {
    this.#timer ||= this.#clock.setTimeout(() => this.#look(), this.#seenAt + AWAY_MS - this.#clock.now());
  }

  #look() {
    this.#timer = 0;
    if (this.#clock.now() - this.#seenAt < AWAY_MS) return this.#watch();
    this.isAway = true;
    this.#connection.send({ type: "presence.away" });
  }
}
