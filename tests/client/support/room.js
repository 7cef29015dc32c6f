// A conversation whose server keeps its history: it answers pages as the protocol says, and tells events.

import { FakeBrowser } from "./browser.js";
import { exchanged } from "./clock.js";
import { GRACE } from "./server.js";

export const ROOM = "0198-room";
const MESSAGES = `GET /v1/conversations/${ROOM}/messages`;

export const text = (seq, more = {}) => ({
  id: `m${seq}`, conversation_id: ROOM, seq, sender_id: GRACE.id, type: "text", content: `text ${seq}`,
  timestamp: new Date(1_700_000_000_000 + seq * 1000).toISOString(), edited_at: null, deleted_at: null, reply_to: null, reactions: [], ...more,
});

/** A tab of Ada with messages 1 to `count` on the server. */
export class Room {
  lastSeq;
  messages;
  #gate = null;

  static async open(count) {
    const room = new Room();
    room.messages = Array.from({ length: count }, (_, index) => text(index + 1));
    room.lastSeq = count;
    room.browser = new FakeBrowser();
    room.server = room.browser.server;
    const conversation = () => ({ id: ROOM, type: "direct", created_at: "2026-01-01T00:00:00Z", last_seq: room.lastSeq, peer: GRACE, last_message: room.messages.at(-1), unread_count: 0 });
    Object.assign(room.server.answers, {
      "GET /v1/conversations": () => [200, { items: [conversation()], next: null }],
      [`GET /v1/conversations/${ROOM}`]: () => [200, conversation()],
      [`GET /v1/conversations/${ROOM}/pins`]: () => [200, { items: [], next: null }],
      [MESSAGES]: async ({ search }) => {
        const page = structuredClone(room.page(new URLSearchParams(search)));
        await room.#gate?.opened;
        return [200, page];
      },
    });
    room.tab = await room.browser.loggedIn();
    room.client = room.tab.client;
    await room.browser.clock.pass(10);
    return room;
  }

  get socket() {
    return this.server.socket;
  }

  page(query) {
    const limit = Number(query.get("limit"));
    const number = (name) => (query.has(name) ? Number(query.get(name)) : null);
    const [before, after, around] = ["before_seq", "after_seq", "around_seq"].map(number);
    const older = this.messages.filter(({ seq }) => seq < (before ?? around ?? Infinity));
    const newer = this.messages.filter(({ seq }) => (around === null ? seq > after : seq >= around));
    const last_seq = this.lastSeq;
    if (after !== null) return { items: newer.slice(0, limit), has_more: newer.length > limit, last_seq };
    if (around === null) return { items: older.slice(-limit), has_more: older.length > limit, last_seq };
    const half = limit / 2;
    return { items: [...older.slice(-half), ...newer.slice(0, half)], has_more_before: older.length > half, has_more_after: newer.length > half, last_seq };
  }

  /** Answers for history have been read, and come when the returned function is called. */
  hold() {
    let open = () => {};
    this.#gate = { opened: new Promise((resolve) => { open = resolve; }) };
    return async () => {
      this.#gate = null;
      open();
      await exchanged();
    };
  }

  /** Counts the requests for history. */
  get requests() {
    return this.server.count(MESSAGES);
  }

  get timeline() {
    return this.client.history.get(ROOM);
  }

  get seqs() {
    return this.timeline.messages.map(({ seq }) => seq);
  }

  message(id) {
    return this.timeline.byId.get(id);
  }

  /** Somebody sends a message. */
  async say(more = {}) {
    const message = text((this.lastSeq += 1), more);
    this.messages.push(message);
    await this.socket.tell({ type: "message.new", conversation_id: ROOM, seq: message.seq, message });
    return message;
  }

  /** An event without a message of its own happens. */
  async happens(type, more) {
    this.lastSeq += 1;
    await this.socket.tell({ type, conversation_id: ROOM, seq: this.lastSeq, ...more });
  }

  /** A message is changed. */
  async revise(id, more, type = "message.updated") {
    const at = this.messages.findIndex((message) => message.id === id);
    this.messages[at] = { ...this.messages[at], ...more };
    await this.happens(type, { message: this.messages[at] });
  }
}

/** The numbers from one to another. */
export const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
