// The loaded messages of one conversation: a gapless range, sorted by seq. It ends with the conversation's newest message, or lies in the middle
// of the history and grows both ways.

import { withQuoteOf } from "./quotes.js";
import { keepOwn } from "./reaction-counts.js";

/** @import { HistoryPage, Message } from "./types.js" */

/** The loads of pages that go on a range, by the property that says how they are. @typedef {"state" | "laterState"} Side */

export class Timeline {
  /** @type {Message[]} */
  messages = [];
  /** @type {Map<string, Message>} */
  byId = new Map();
  /** @type {"loading" | "idle" | "failed"} of the first load, then of that at the beginning */
  state = "loading";
  /** @type {"loading" | "idle" | "failed"} of the load at the end */
  laterState = "idle";
  isLoaded = false;
  isComplete = false; // there are no earlier messages
  isNewest = true; // there are no later messages
  seen = 0; // every event up to this number is applied; a resume starts here
  newest = 0; // the highest known number, with perhaps a gap before it
  isResuming = false;
  /** @type {{ seq: number, id: string } | null} the last event up to `seen` that has a message */
  #last = null;
  /** @type {{ seq: number, id: string } | null} the last one behind it */
  #ahead = null;
  query = ""; // that asked for this range, or for the one that is to replace it
  #range = 0; // counts the ranges that were asked for, and those that came
  #loads = 0; // under way
  /** @type {((timeline: Timeline) => boolean)[]} the changes that arrived during them */
  #early = [];
  /** @type {Set<number>} messages that arrived behind `seen` and behind this range */
  #beyond = new Set();

  /**
   * Returns false if nothing changed: the message is there already, or lies outside this range.
   * @param {Message} message
   */
  apply(message) {
    const known = this.byId.get(message.id);
    if (known && !isNewer(message, known)) return false;
    if (!known && this.isLoaded && !this.covers(message.seq)) {
      if (message.seq > this.seen) this.#beyond.add(message.seq);
      return false;
    }
    this.#put(message);
    return true;
  }

  /**
   * Shows a message as it is now in the messages that quote it.
   * @param {Message} message
   */
  applyQuoted(message) {
    const quoted = this.byId.get(message.id) ?? message;
    const answers = this.messages.filter(({ reply_to }) => reply_to === message.id);
    for (const answer of answers) this.#put(withQuoteOf(answer, quoted));
    return answers.length > 0;
  }

  /**
   * Changes a message that is loaded.
   * @param {string} id @param {(message: Message) => Message} change
   */
  change(id, change) {
    const known = this.byId.get(id);
    if (known) this.#put(change(known));
    return Boolean(known);
  }

  /**
   * Applies the change that an event makes. While a page is on its way, it is applied to the messages of that page too, which may be older. Returns
   * false if nothing changed.
   * @param {(timeline: Timeline) => boolean} change
   */
  receive(change) {
    if (this.#loads > 0) this.#early.push(change);
    return this.isLoaded && change(this);
  }

  /** True if all messages that have this number, or would have it, are in this range. @param {number} seq */
  covers(seq) {
    const [first, last] = [this.messages[0]?.seq ?? 0, this.messages.at(-1)?.seq ?? 0];
    return (this.isComplete || seq >= first) && (this.isNewest || seq <= last);
  }

  /** True if the message has arrived before. @param {Message} message */
  isKnown({ id, seq }) {
    return this.byId.has(id) || seq <= this.seen || this.#beyond.has(seq);
  }

  /**
   * A page at a side of this range is asked for. Returns the function that says if it is still of use when it comes.
   * @param {Side} side
   */
  askBeside(side) {
    this[side] = "loading";
    return this.#ask();
  }

  /**
   * Another range is asked for, or the same one again before it has come.
   * @param {string} query
   */
  askInstead(query) {
    if (this.isLoaded || this.query !== query) this.#range += 1;
    Object.assign(this, { query, state: this.isLoaded ? "idle" : "loading", laterState: "idle" });
    return this.#ask();
  }

  #ask() {
    this.#loads += 1;
    const range = this.#range;
    return () => range === this.#range;
  }

  /** The page that was asked for has come, or will not. @param {boolean} hasFailed @param {Side} [side] */
  answered(hasFailed, side) {
    this.#loads -= 1;
    if (this.#loads === 0) this.#early = [];
    if (hasFailed && (side || !this.isLoaded)) this[side ?? "state"] = "failed";
  }

  /**
   * Shows the newest page, or one around a number, instead of the range before.
   * @param {HistoryPage} page
   */
  begin(page) {
    this.#range += 1; // what was asked for beside the range before has no place any more
    Object.assign(this, { messages: [], byId: new Map(), state: "idle", laterState: "idle", isLoaded: true });
    Object.assign(this, { isComplete: !(page.has_more_before ?? page.has_more), isNewest: !page.has_more_after });
    this.seen = Math.max(this.seen, page.last_seq);
    const last = page.items.at(-1);
    if (last) this.witness(last.seq, last);
    this.#add(page);
  }

  /**
   * Adds the page before this range.
   * @param {HistoryPage} page
   */
  prepend(page) {
    Object.assign(this, { state: "idle", isComplete: !page.has_more });
    this.#add(page);
  }

  /**
   * Adds the page behind this range.
   * @param {HistoryPage} page
   */
  append(page) {
    Object.assign(this, { laterState: "idle", isNewest: !page.has_more });
    this.#add(page);
  }

  /**
   * Drops the oldest messages, which are loaded again when the user goes there.
   * @param {number} length
   */
  trim(length) {
    if (this.messages.length <= length) return;
    for (const message of this.messages.splice(0, this.messages.length - length)) this.byId.delete(message.id);
    this.isComplete = false;
    if (this.state !== "loading" && this.laterState !== "loading") return;
    // The page that is on its way has no place beside this range any more.
    this.#range += 1;
    Object.assign(this, { state: "idle", laterState: "idle" });
  }

  /**
   * An event with this number exists. Its message is one after which a resume can start.
   * @param {number} seq @param {Message | null | undefined} message
   */
  witness(seq, message) {
    this.newest = Math.max(this.newest, seq);
    if (!message?.id) return;
    if (seq > this.seen) this.#ahead = latest(this.#ahead, { seq, id: message.id });
    else this.#last = latest(this.#last, { seq, id: message.id });
  }

  /** Where a resume starts. With the id the server notices that a restored backup has given the number to another event. */
  get point() {
    return [this.#last, this.#ahead].find((event) => event?.seq === this.seen) ?? this.seen;
  }

  /** Adds the messages of a page, and then what arrived while it was on its way. @param {HistoryPage} page */
  #add(page) {
    for (const message of page.items) if (isNewer(message, this.byId.get(message.id))) this.#put(message);
    if (this.isNewest) this.#beyond.clear();
    for (const change of this.#early) change(this);
  }

  /** @param {Message} message */
  #put(message) {
    const known = this.byId.get(message.id);
    const shown = keepOwn(message, known);
    const at = this.#placeOf(message.seq);
    // Two messages never have one number, unless a restored backup gave it again.
    if (known && this.messages[at] === known) this.messages[at] = shown;
    else this.messages.splice(at, 0, shown);
    this.byId.set(message.id, shown);
  }

  /** Returns the index of the first message that has this number or a later one. @param {number} seq */
  #placeOf(seq) {
    let [from, to] = [0, this.messages.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.messages[middle].seq < seq) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/**
 * Replays show a message as it is now, so an older state may arrive after a newer one.
 * @param {Message} message @param {Message | undefined} known
 */
function isNewer(message, known) {
  if (!known) return true;
  if (known.deleted_at) return false;
  return (message.edited_at ?? message.deleted_at ?? "") >= (known.edited_at ?? "");
}

/** @param {{ seq: number, id: string } | null} known @param {{ seq: number, id: string }} event */
const latest = (known, event) => (known && known.seq > event.seq ? known : event);
