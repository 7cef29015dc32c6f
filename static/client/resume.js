// Finds gaps in timelines and asks the server for what is missing. Everything is applied by id and seq, so what comes twice does
// no harm.

/** @import { Connection } from "./connection.js" */
/** @import { History } from "./history.js" */
/** @import { Environment, Frame, Message } from "./types.js" */

const AT_ONCE = 500; // conversations in one frame, the protocol's limit
const PAUSE_MS = 1_000; // after a refusal, if the server does not say how long to wait
export const REF = "resume";

export class Resume {
  #environment;
  #connection;
  #history;
  #timer = 0;

  /** @param {Environment} environment @param {Connection} connection @param {History} history */
  constructor(environment, connection, history) {
    this.#environment = environment;
    this.#connection = connection;
    this.#history = history;
  }

  /** The connection is new: asks for what happened in all loaded timelines meanwhile. */
  all() {
    this.#resume((timeline) => timeline.isLoaded);
  }

  /** @param {string} conversationId */
  one(conversationId) {
    this.#resume((timeline, id) => id === conversationId && timeline.isLoaded);
  }

  /**
   * A heartbeat names the newest numbers of conversations.
   * @param {Record<string, number>} heads
   */
  compare(heads) {
    this.#resume((timeline, id) => timeline.isLoaded && !timeline.isResuming && timeline.seen < (heads[id] ?? 0));
  }

  /**
   * An event has arrived. If its number is not the next one, others are missing.
   * @param {string} conversationId @param {number} seq @param {Message | null | undefined} message
   */
  advance(conversationId, seq, message) {
    const timeline = this.#history.get(conversationId);
    if (!timeline) return;
    const isFollowed = timeline.isLoaded && !timeline.isResuming;
    if (isFollowed && seq === timeline.seen + 1) timeline.seen = seq;
    timeline.witness(seq, message);
    if (isFollowed && seq > timeline.seen) this.one(conversationId);
  }

  /** All up to `last_seq` has been sent. @param {Frame} frame */
  resumed({ conversation_id, last_seq }) {
    const timeline = this.#history.get(conversation_id);
    if (!timeline) return;
    timeline.isResuming = false;
    timeline.seen = Math.max(timeline.seen, timeline.newest, last_seq ?? 0);
  }

  /** The server took a resume not now. @param {Frame} frame */
  refused({ retry_after_ms }) {
    const { clock } = this.#environment;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#resume((timeline) => timeline.isResuming), retry_after_ms ?? PAUSE_MS);
  }

  stop() {
    this.#environment.clock.clearTimeout(this.#timer);
  }

  /** @param {(timeline: import("./timeline.js").Timeline, id: string) => boolean} isMeant */
  #resume(isMeant) {
    const meant = [...this.#history.timelines].filter(([id, timeline]) => isMeant(timeline, id));
    for (let from = 0; from < meant.length; from += AT_ONCE) {
      const some = meant.slice(from, from + AT_ONCE);
      const conversations = Object.fromEntries(some.map(([id, timeline]) => [id, timeline.point]));
      const isSent = this.#connection.send({ type: "resume", ref: REF, conversations });
      for (const [, timeline] of some) timeline.isResuming = isSent;
    }
  }
}
