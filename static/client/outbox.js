// Messages that are not acknowledged yet. Each has an id that this client chose, and the server stores one message for an id. So a
// retry is always safe, and a send ends with its acknowledgement or with an error of the server; until then it is repeated.

import { OutboxStorage } from "./outbox-storage.js";
import { Transmission } from "./transmission.js";
import { uuid7 } from "./uuid7.js";

/** @import { Connection } from "./connection.js" */
/** @import { Emitter } from "./emitter.js" */
/** @import { Environment, Frame, Message, Reply, Unsent, User } from "./types.js" */

const UNSENT_MOST = 100; // with the longest texts, what a browser's storage holds
const TAKE_OVER_MS = 5_000; // how often a tab looks for messages of dead ones
const PAUSE_MS = 1_000; // if the server does not say how long to wait

const PASSING = ["rate_limited", "busy", "unavailable", "timeout"]; // the same message can succeed later
const CLOSING = ["draining", "unauthorized", "token_expired", "session_ended"]; // the connection ends; the next one sends again

export class Outbox {
  #clock;
  #emitter;
  #storage;
  #transmission;
  /** @type {User | null} */
  #user = null;
  /** @type {Unsent[]} */
  #unsent = [];
  #watch = 0;

  /** @param {Environment} environment @param {Connection} connection @param {Emitter} emitter */
  constructor(environment, connection, emitter) {
    this.#clock = environment.clock;
    this.#emitter = emitter;
    this.#storage = new OutboxStorage(environment);
    this.#transmission = new Transmission(environment.clock, connection, {
      firstPending: () => this.#unsent.find((message) => message.state === "pending"),
      late: (message) => {
        message.late = true;
        emitter.changed("outbox");
      },
    });
  }

  /** Begins to send for a user. @param {User} user @param {boolean} isKept */
  start(user, isKept) {
    this.#clock.clearTimeout(this.#watch);
    this.#user = user;
    this.#storage.open(user.id, isKept);
    this.#takeOver();
  }

  /** @param {{ isWiped: boolean }} how */
  stop({ isWiped }) {
    this.suspend();
    this.#clock.clearTimeout(this.#watch);
    if (isWiped && this.#user) this.#storage.wipe(this.#user.id);
    this.#user = null;
    this.#unsent = [];
  }

  close() {
    this.stop({ isWiped: false });
    this.#storage.close();
  }

  get size() {
    return this.#unsent.length;
  }

  /** True while messages are sent one by one, because the server asked to wait. */
  get isSlowed() {
    return this.#transmission.isSlowed;
  }

  /** False if unsent messages would be lost with the page. */
  get isSafe() {
    return this.size === 0 || this.#storage.isSafe;
  }

  /** @param {string | null} conversationId */
  in(conversationId) {
    return this.#unsent.filter((message) => message.conversation_id === conversationId);
  }

  /**
   * Sends a message. Returns null when so many wait that no more can be kept.
   * @param {string} conversationId @param {string} content @param {{ replyTo?: Reply | null }} [more]
   * @returns {Unsent | null}
   */
  send(conversationId, content, { replyTo } = {}) {
    if (!this.#user || this.#unsent.length >= UNSENT_MOST) return null;
    const now = this.#clock.now();
    /** @type {Unsent} */
    const message = { id: uuid7(now), conversation_id: conversationId, content, timestamp: new Date(now).toISOString(), state: "pending" };
    if (replyTo) Object.assign(message, { reply_to: replyTo.id, quote: replyTo.quote });
    this.#unsent.push(message);
    this.#save();
    this.#transmission.send(message);
    return message;
  }

  /** The connection is live: sends all unacknowledged messages once more, in order. */
  resend() {
    for (const message of this.#unsent) if (message.state === "pending") this.#transmission.send(message);
  }

  /** The connection is lost. */
  suspend() {
    this.#transmission.suspend();
  }

  /** Sends a failed message again. @param {string} id */
  retry(id) {
    const message = this.#find(id);
    if (!message) return;
    if (message.code === "id_taken") message.id = uuid7(this.#clock.now());
    Object.assign(message, { state: "pending", reason: undefined, code: undefined });
    this.#save();
    this.#transmission.send(message);
  }

  /** @param {string} id */
  discard(id) {
    this.#transmission.landed(id);
    this.#unsent = this.#unsent.filter((message) => message.id !== id);
    this.#save();
    this.#transmission.goOn();
  }

  /** @param {string} conversationId */
  discardConversation(conversationId) {
    for (const { id } of this.in(conversationId)) this.discard(id);
  }

  /** The server has this message: the acknowledgement, whichever way it came. @param {Message} message */
  settle(message) {
    if (message.sender_id !== this.#user?.id || !this.#find(message.id)) return;
    this.discard(message.id);
    this.#emitter.emit("sent", { message });
  }

  /** Takes an error frame. Returns false if it is about something else. @param {Frame} frame */
  refuse({ ref, code, detail, title, retry_after_ms }) {
    const message = this.#find(ref);
    if (!message) return false;
    if (PASSING.includes(code)) {
      this.#transmission.hold(message.id, retry_after_ms ?? PAUSE_MS);
      this.#emitter.changed("outbox");
    } else if (!CLOSING.includes(code)) {
      this.#fail(message, detail || title || "The server refused it.", code);
    }
    return true;
  }

  /**
   * The connection was closed because a frame was too big. That is the longest one in flight; sent again, it would end the next
   * connection too.
   */
  failLongest() {
    const bytes = (/** @type {Unsent} */ { content }) => JSON.stringify(content).length;
    const inFlight = this.#unsent.filter(({ id }) => this.#transmission.has(id));
    const [longest] = inFlight.sort((a, b) => bytes(b) - bytes(a));
    if (longest) this.#fail(longest, "It is too long for the server.", "too_large");
  }

  /** @param {Unsent} message @param {string} reason @param {string} code */
  #fail(message, reason, code) {
    this.#transmission.landed(message.id);
    Object.assign(message, { state: "failed", late: undefined, reason, code });
    this.#save();
    this.#emitter.emit("failed", { message });
    this.#transmission.goOn();
  }

  /** Takes over the messages of dead tabs, now and from time to time. */
  #takeOver() {
    if (this.#unsent.length) this.#storage.save(this.#unsent); // this tab is alive
    // A browser refuses locks while it closes the page; in any other case the next round tries again.
    this.#storage.takeOver((messages) => this.#adopt(messages)).catch(() => {});
    this.#watch = this.#clock.setTimeout(() => this.#takeOver(), TAKE_OVER_MS);
  }

  /** @param {Unsent[]} messages */
  #adopt(messages) {
    const others = messages.filter(({ id }) => !this.#find(id));
    this.#unsent = [...this.#unsent, ...others].sort((a, b) => a.timestamp.localeCompare(b.timestamp));
    this.#save();
    for (const message of others) if (message.state === "pending") this.#transmission.send(message);
  }

  /** @param {string | undefined} id */
  #find(id) {
    return this.#unsent.find((message) => message.id === id);
  }

  #save() {
    this.#storage.save(this.#unsent);
    this.#emitter.changed("outbox");
  }
}
