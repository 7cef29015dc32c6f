// The loaded history of conversations: pages of messages from the server, in timelines.

import { asProblem } from "./http.js";
import { Timeline } from "./timeline.js";

/** @import { Emitter } from "./emitter.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Side } from "./timeline.js" */
/** @import { HistoryPage } from "./types.js" */

const PAGE = 50;

export class History {
  /** @type {Map<string, Timeline>} by conversation */
  timelines = new Map();
  #rest;
  #emitter;
  #hooks;

  /**
   * @param {Rest} rest @param {Emitter} emitter
   * @param {{ loaded: (conversationId: string, page: HistoryPage) => void, missing: (conversationId: string) => void }} hooks
   */
  constructor(rest, emitter, hooks) {
    this.#rest = rest;
    this.#emitter = emitter;
    this.#hooks = hooks;
  }

  /** @param {string | null | undefined} conversationId */
  get(conversationId) {
    return this.timelines.get(conversationId ?? "");
  }

  /** Loads the newest messages of a conversation, instead of those that are loaded. @param {string} conversationId */
  loadNewest(conversationId) {
    return this.#begin(conversationId, "");
  }

  /**
   * Loads the messages around a number, instead of those that are loaded, unless they are among these. Returns false if that failed.
   * @param {string} conversationId @param {number} seq
   */
  async loadAround(conversationId, seq) {
    const isThere = () => {
      const timeline = this.timelines.get(conversationId);
      return Boolean(timeline?.isLoaded && timeline.covers(seq));
    };
    // An answer that came too late may have been asked for again meanwhile.
    return isThere() || (await this.#begin(conversationId, `around_seq=${seq}&`)) || isThere();
  }

  /** Asks again for messages that were asked for and have not come. @param {string} conversationId */
  reload(conversationId) {
    return this.#begin(conversationId, this.timelines.get(conversationId)?.query ?? "");
  }

  /** Loads the messages before those that are loaded. @param {string} conversationId */
  async loadEarlier(conversationId) {
    const timeline = this.timelines.get(conversationId);
    if (!timeline?.isLoaded) return this.loadNewest(conversationId);
    const first = timeline.messages[0];
    if (timeline.isComplete || timeline.state === "loading" || !first) return false;
    return this.#load(conversationId, timeline, `before_seq=${first.seq}&`, timeline.askBeside("state"), (page) => timeline.prepend(page), "state");
  }

  /** Loads the messages behind those that are loaded. @param {string} conversationId */
  async loadLater(conversationId) {
    const timeline = this.timelines.get(conversationId);
    const last = timeline?.messages.at(-1);
    if (!timeline || timeline.isNewest || timeline.laterState === "loading" || !last) return false;
    return this.#load(conversationId, timeline, `after_seq=${last.seq}&`, timeline.askBeside("laterState"), (page) => timeline.append(page), "laterState");
  }

  /** @param {string} conversationId */
  forget(conversationId) {
    this.timelines.delete(conversationId);
  }

  wipe() {
    this.timelines.clear();
  }

  /** @param {string} conversationId @param {string} query */
  #begin(conversationId, query) {
    const timeline = this.timelines.get(conversationId) ?? new Timeline();
    this.timelines.set(conversationId, timeline);
    return this.#load(conversationId, timeline, query, timeline.askInstead(query), (page) => {
      timeline.begin(page);
      this.#hooks.loaded(conversationId, page);
    });
  }

  /**
   * Returns false if there is no page, or it is of no use any more.
   * @param {string} conversationId @param {Timeline} timeline @param {string} query @param {() => boolean} isAskedFor
   * @param {(page: HistoryPage) => void} apply @param {Side} [side]
   */
  async #load(conversationId, timeline, query, isAskedFor, apply, side) {
    // The conversation may have been left, or another range may have been asked for, meanwhile.
    const isOfUse = () => this.timelines.get(conversationId) === timeline && isAskedFor();
    this.#emitter.changed("timeline");
    let hasFailed = false;
    try {
      const page = await this.#rest.get(`/v1/conversations/${conversationId}/messages?${query}limit=${PAGE}`);
      if (!isOfUse()) return false;
      apply(page);
      return true;
    } catch (error) {
      hasFailed = isOfUse();
      if (asProblem(error).status === 404) this.#hooks.missing(conversationId);
      return false;
    } finally {
      timeline.answered(hasFailed, side);
      this.#emitter.changed("timeline");
    }
  }
}
