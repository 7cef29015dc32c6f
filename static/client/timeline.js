// The loaded messages of one conversation: a gapless range up to its newest, sorted by seq.

/** @import { HistoryPage, Message } from "./types.js" */

export class Timeline {
  /** @type {Message[]} */
  messages = [];
  /** @type {Map<string, Message>} */
  byId = new Map();
  /** @type {"loading" | "idle" | "failed"} of the load at its beginning */
  state = "loading";
  isLoaded = false;
  isComplete = false; // there are no earlier messages
  seen = 0; // every event up to this number is applied; a resume starts here
  newest = 0; // the highest known number, with perhaps a gap before it
  isResuming = false;
  /** @type {{ seq: number, id: string } | null} the last event up to `seen` that has a message */
  #last = null;
  /** @type {{ seq: number, id: string } | null} the last one behind it */
  #ahead = null;
  /** @type {Message[]} events that arrived before the first page */
  #early = [];

  /**
   * Returns false if nothing changed: the message is there already, or older than this range.
   * @param {Message} message
   */
  apply(message) {
    const known = this.byId.get(message.id);
    if (known) {
      if (!isNewer(message, known)) return false;
      this.messages[this.messages.indexOf(known)] = message;
    } else {
      if (!this.isComplete && this.isLoaded && message.seq < (this.messages[0]?.seq ?? 0)) return false;
      const after = this.messages.findLastIndex((other) => other.seq < message.seq);
      this.messages.splice(after + 1, 0, message);
    }
    this.byId.set(message.id, message);
    return true;
  }

  /**
   * Applies a message of an event. Before the first page it waits.
   * @param {Message} message
   */
  receive(message) {
    if (this.isLoaded) return this.apply(message);
    this.#early.push(message);
    return true;
  }

  /**
   * Applies the newest page, and then the events that arrived before it.
   * @param {HistoryPage} page
   */
  begin(page) {
    for (const message of page.items) this.apply(message);
    Object.assign(this, { state: "idle", isLoaded: true, isComplete: !page.has_more });
    this.seen = Math.max(this.seen, page.last_seq);
    const last = page.items.at(-1);
    if (last) this.witness(last.seq, last);
    for (const message of this.#early.splice(0)) this.apply(message);
  }

  /**
   * Adds the page before this range.
   * @param {HistoryPage} page
   */
  prepend(page) {
    this.isComplete = true; // for a moment, so that earlier messages are accepted
    for (const message of [...page.items].reverse()) this.apply(message);
    this.isComplete = !page.has_more;
    this.state = "idle";
  }

  /**
   * Drops the oldest messages, which are loaded again when the user goes there.
   * @param {number} length
   */
  trim(length) {
    if (this.messages.length <= length) return;
    for (const message of this.messages.splice(0, this.messages.length - length)) this.byId.delete(message.id);
    this.isComplete = false;
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
}

/**
 * Replays show a message as it is now, so an older state may arrive after a newer one.
 * @param {Message} message @param {Message} known
 */
function isNewer(message, known) {
  if (known.deleted_at) return false;
  return (message.edited_at ?? message.deleted_at ?? "") >= (known.edited_at ?? "");
}

/** @param {{ seq: number, id: string } | null} known @param {{ seq: number, id: string }} event */
const latest = (known, event) => (known && known.seq > event.seq ? known : event);
