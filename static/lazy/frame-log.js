// The frames of a connection as they are observed: bounded, without secrets, with the time that each acknowledgement took.

const FRAMES_MOST = 500;
const TEXT_MOST = 1_000_000; // characters of all frames
const WAITING_MOST = 500; // sends whose answer is awaited
const LATENCIES_MOST = 200;
const HEADS_MOST = 500;
const SECRET = /^(?:.*token|ticket|.*password|invite)$/;
const MASK = "…";

/** @typedef {{ type: string, [field: string]: any }} Frame */
/** @typedef {{ number: number, at: number, direction: "in" | "out", type: string, text: string, ackMs: number | null }} Entry */

/** Writes a frame as JSON without what opens an account. @param {Frame} frame */
export function masked(frame, indent = 0) {
  return JSON.stringify(frame, (key, value) => (SECRET.test(key) && typeof value === "string" ? MASK : value), indent);
}

export class FrameLog {
  /** @type {Entry[]} */
  entries = [];
  /** The newest number that the server has named for a conversation. @type {Map<string, number>} */
  heads = new Map();
  /** The newest message that was sent. @type {Frame | null} */
  lastSend = null;
  count = 0;
  #length = 0;
  #now;
  /** @type {Map<string, number>} when a message or an operation was sent, by its id or `ref` */
  #waiting = new Map();
  /** @type {number[]} */
  #latencies = [];

  /** @param {() => number} now a clock in milliseconds */
  constructor(now) {
    this.#now = now;
  }

  /** @param {"in" | "out"} direction @param {Frame} frame @returns {Entry} */
  add(direction, frame) {
    const at = this.#now();
    const ackMs = direction === "in" ? this.#answered(frame, at) : null;
    if (direction === "out") this.#sent(frame, at);
    else this.#learnHeads(frame);
    const entry = { number: ++this.count, at, direction, type: String(frame.type), text: masked(frame), ackMs };
    this.entries.push(entry);
    this.#length += entry.text.length;
    while (this.entries.length > FRAMES_MOST || (this.#length > TEXT_MOST && this.entries.length > 1)) {
      this.#length -= /** @type {Entry} */ (this.entries.shift()).text.length;
    }
    return entry;
  }

  clear() {
    this.entries = [];
    this.#length = 0;
  }

  /** Returns the frames that contain a text. @param {string} text */
  matching(text) {
    return this.entries.filter((entry) => matches(entry, text));
  }

  /** Returns how long answers took, in milliseconds, or null if there are none. */
  latency() {
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    if (!sorted.length) return null;
    const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { count: sorted.length, last: this.#latencies[this.#latencies.length - 1], median: at(0.5), p95: at(0.95), most: sorted[sorted.length - 1] };
  }

  /** @param {Frame} frame @param {number} at */
  #sent(frame, at) {
    if (frame.type === "message.send") this.lastSend = frame;
    const key = frame.id ?? frame.ref;
    if (typeof key !== "string") return;
    this.#waiting.delete(key);
    this.#waiting.set(key, at);
    if (this.#waiting.size > WAITING_MOST) this.#waiting.delete(/** @type {string} */ (this.#waiting.keys().next().value));
  }

  /** @param {Frame} frame @param {number} at */
  #answered({ type, ref, message }, at) {
    const key = type === "message.new" ? message?.id : ref;
    const sentAt = this.#waiting.get(key);
    if (sentAt === undefined) return null;
    this.#waiting.delete(key);
    this.#latencies.push(at - sentAt);
    if (this.#latencies.length > LATENCIES_MOST) this.#latencies.shift();
    return at - sentAt;
  }

  /** @param {Frame} frame */
  #learnHeads({ type, heads, conversation_id, seq, last_seq }) {
    const named = type === "heartbeat" ? Object.entries(heads ?? {}) : [[conversation_id, seq ?? (type === "resumed" ? last_seq : undefined)]];
    for (const [id, head] of named) {
      if (typeof id !== "string" || typeof head !== "number") continue;
      const newest = Math.max(head, this.heads.get(id) ?? 0);
      this.heads.delete(id);
      this.heads.set(id, newest);
    }
    while (this.heads.size > HEADS_MOST) this.heads.delete(/** @type {string} */ (this.heads.keys().next().value));
  }
}

/** Returns true if a frame contains each word of a text. @param {Entry} entry @param {string} searched */
export function matches({ text }, searched) {
  const content = text.toLowerCase();
  return searched.toLowerCase().split(/\s+/).every((word) => content.includes(word));
}
