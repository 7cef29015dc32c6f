// The list of the user's conversations, loaded in pages; and single ones, looked up when an event names them.

import { activity } from "./conversations.js";
import { asProblem } from "./http.js";

/** @import { Conversations } from "./conversations.js" */
/** @import { Emitter } from "./emitter.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Clock, Conversation, Page } from "./types.js" */

const PAGE = 50;
const PAGE_MOST = 200;
const PAUSE_MS = 2_000; // a member who edits without a pause makes each of the others ask no more often than this

export class ConversationList {
  isLoaded = false;
  /** Why the last load failed, in words. */
  failed = "";
  /** @type {string | null} where the next page begins */
  next = null;
  #rest;
  #conversations;
  #emitter;
  #hooks;
  /** @type {Map<string, { done: Promise<void>, isAskedAgain: boolean }>} */
  #lookups = new Map();
  /** @type {Map<string, { timer: number, isAskedAgain: boolean }>} the pauses after lookups, by conversation */
  #pauses = new Map();
  #clock;

  /**
   * @param {{ clock: Clock }} environment @param {Rest} rest @param {Conversations} conversations @param {Emitter} emitter
   * @param {{ lost: (conversationId: string) => void, received: (conversation: Conversation) => void }} hooks
   */
  constructor({ clock }, rest, conversations, emitter, hooks) {
    this.#clock = clock;
    this.#rest = rest;
    this.#conversations = conversations;
    this.#emitter = emitter;
    this.#hooks = hooks;
  }

  /** Loads the list from its beginning, as far as it was loaded. */
  async load() {
    const before = new Set(this.#conversations.ids());
    const limit = Math.min(PAGE_MOST, Math.max(PAGE, before.size));
    const since = this.#conversations.changes;
    try {
      /** @type {Page} */
      const page = await this.#rest.get(`/v1/conversations?limit=${limit}`);
      for (const item of page.items) {
        this.#learn(item, since);
        before.delete(item.id);
      }
      const last = page.next ? page.items.at(-1) : null;
      this.#drop(before, last ? activity(last) : -Infinity);
      Object.assign(this, { next: page.next, isLoaded: true, failed: "" });
    } catch (error) {
      this.failed = asProblem(error).message;
    }
    this.#emitter.changed("conversations");
  }

  async loadMore() {
    const cursor = this.next;
    if (!cursor) return;
    this.next = null;
    const since = this.#conversations.changes;
    try {
      const page = await this.#rest.get(`/v1/conversations?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
      for (const item of page.items) this.#learn(item, since);
      this.next = page.next;
    } catch {
      this.next = cursor;
    }
    this.#emitter.changed("conversations");
  }

  /** @param {string} id */
  isFetching(id) {
    return this.#lookups.has(id);
  }

  /** Looks a conversation up. An answer that is on its way may be older than what is asked for, so another one follows it. @param {string} id */
  fetch(id) {
    const running = this.#lookups.get(id);
    if (running) {
      running.isAskedAgain = true;
      return running.done;
    }
    const lookup = { done: Promise.resolve(), isAskedAgain: false };
    this.#lookups.set(id, lookup);
    lookup.done = this.#fetch(id, lookup);
    return lookup.done;
  }

  /** Looks a conversation up now, or at the end of the pause that began when that was done last. @param {string} id */
  fetchWithPause(id) {
    const running = this.#pauses.get(id);
    if (running) return void (running.isAskedAgain = true);
    this.#pause(id);
    this.fetch(id);
  }

  /**
   * Looks a conversation up at the end of a pause, if it is known and not lost by then. The user was refused there: the event that tells why may
   * have come before the refusal, or may come soon after it.
   * @param {string} id
   */
  fetchAfterPause(id) {
    if (!this.#conversations.has(id)) return;
    const pause = this.#pauses.get(id) ?? this.#pause(id);
    pause.isAskedAgain = true;
  }

  /** Begins a pause. @param {string} id */
  #pause(id) {
    const pause = { timer: 0, isAskedAgain: false };
    pause.timer = this.#clock.setTimeout(async () => {
      await this.#lookups.get(id)?.done; // its answer may be older
      if (this.#pauses.get(id) !== pause) return;
      this.#pauses.delete(id);
      if (pause.isAskedAgain) this.fetchWithPause(id);
    }, PAUSE_MS);
    this.#pauses.set(id, pause);
    return pause;
  }

  /** The conversation is lost; an answer that is on its way is older. @param {string} id */
  forget(id) {
    this.#lookups.delete(id);
    this.#clock.clearTimeout(this.#pauses.get(id)?.timer ?? 0);
    this.#pauses.delete(id);
  }

  /** Ends the work that waits. */
  stop() {
    for (const { timer } of this.#pauses.values()) this.#clock.clearTimeout(timer);
    this.#pauses.clear();
  }

  wipe() {
    Object.assign(this, { isLoaded: false, failed: "", next: null });
    this.#lookups.clear();
    this.stop();
  }

  /** @param {Conversation} conversation @param {number} since */
  #learn(conversation, since) {
    this.#conversations.learn(conversation, since);
    this.#hooks.received(conversation);
  }

  /** @param {string} id @param {{ isAskedAgain: boolean }} lookup */
  async #fetch(id, lookup) {
    const isExpected = () => this.#lookups.get(id) === lookup;
    do {
      lookup.isAskedAgain = false;
      const since = this.#conversations.changes;
      try {
        const conversation = await this.#rest.get(`/v1/conversations/${id}`);
        if (isExpected()) this.#learn(conversation, since);
      } catch (error) {
        if (isExpected() && asProblem(error).status === 404) this.#hooks.lost(id);
      }
    } while (lookup.isAskedAgain && isExpected());
    if (isExpected()) this.#lookups.delete(id);
  }

  // Known, recent enough for the answer, and not in it: the user may be no longer a member, or a message has come since the answer was made.
  /** @param {Set<string>} ids @param {number} oldest */
  #drop(ids, oldest) {
    for (const id of ids) {
      const known = this.#conversations.get(id);
      if (!known || activity(known) <= oldest) continue;
      this.fetch(id);
    }
  }
}
