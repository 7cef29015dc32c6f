// Who types, and that the user does.

/** @import { Connection } from "./connection.js" */
/** @import { Emitter } from "./emitter.js" */
/** @import { Clock, Frame } from "./types.js" */

const SHOWN_MS = 6_000; // the protocol's time, after which typing ends by itself
const AGAIN_MS = 3_000; // the server passes on no more

export class Typing {
  /** @type {Map<string, Map<string, number>>} conversation id → user id → the timer that ends it */
  #typists = new Map();
  #saidId = ""; // the conversation in which the user types
  #saidAt = -Infinity;
  #clock;
  #connection;
  #emitter;

  /** @param {{ clock: Clock }} environment @param {Connection} connection @param {Emitter} emitter */
  constructor({ clock }, connection, emitter) {
    this.#clock = clock;
    this.#connection = connection;
    this.#emitter = emitter;
  }

  /** Returns the ids of those who type in a conversation. @param {string | null} conversationId */
  in(conversationId) {
    return [...this.#typists.get(conversationId ?? "")?.keys() ?? []];
  }

  /** The user types. @param {string} conversationId */
  note(conversationId) {
    if (this.#saidId === conversationId && this.#clock.now() - this.#saidAt < AGAIN_MS) return;
    if (this.#saidId !== conversationId) this.done(this.#saidId);
    if (!this.#connection.send({ type: "typing.start", conversation_id: conversationId })) return;
    [this.#saidId, this.#saidAt] = [conversationId, this.#clock.now()];
  }

  /** The user has sent the text, or taken it away. @param {string} conversationId */
  done(conversationId) {
    if (!conversationId || this.#saidId !== conversationId) return;
    this.#saidId = "";
    if (this.#clock.now() - this.#saidAt < SHOWN_MS) this.#connection.send({ type: "typing.stop", conversation_id: conversationId });
  }

  /** @param {Frame} frame */
  started({ conversation_id, user_id }) {
    this.#forget(conversation_id, user_id);
    const typists = this.#typists.get(conversation_id) ?? new Map();
    typists.set(user_id, this.#clock.setTimeout(() => this.stopped({ type: "", conversation_id, user_id }), SHOWN_MS));
    this.#typists.set(conversation_id, typists);
    this.#emitter.changed("typing");
  }

  /** A message of the user ends it too. @param {Frame} frame */
  stopped({ conversation_id, user_id }) {
    if (this.#forget(conversation_id, user_id)) this.#emitter.changed("typing");
  }

  /** Without a connection nobody is known to type. */
  wipe() {
    for (const [id, typists] of this.#typists) for (const userId of typists.keys()) this.#forget(id, userId);
    this.#saidId = "";
    this.#emitter.changed("typing");
  }

  /** @param {string} conversationId @param {string} userId */
  #forget(conversationId, userId) {
    const typists = this.#typists.get(conversationId);
    const timer = typists?.get(userId);
    if (!typists || timer === undefined) return false;
    this.#clock.clearTimeout(timer);
    typists.delete(userId);
    if (typists.size === 0) this.#typists.delete(conversationId);
    return true;
  }
}
