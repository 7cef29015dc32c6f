// The loaded history of conversations: pages of messages from the server, in timelines.

import { asProblem } from "./http.js";
import { Timeline } from "./timeline.js";

/** @import { Emitter } from "./emitter.js" */
/** @import { Rest } from "./rest.js" */
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

  /** Loads the newest messages of a conversation. @param {string} conversationId */
  async loadNewest(conversationId) {
    const timeline = this.timelines.get(conversationId) ?? new Timeline();
    this.timelines.set(conversationId, timeline);
    await this.#load(conversationId, timeline, "", (page) => {
      timeline.begin(page);
      this.#hooks.loaded(conversationId, page);
    });
  }

  /** Loads the messages before those that are loaded. @param {string} conversationId */
  async loadEarlier(conversationId) {
    const timeline = this.timelines.get(conversationId);
    if (!timeline?.isLoaded) return this.loadNewest(conversationId);
    const first = timeline.messages[0];
    if (timeline.isComplete || timeline.state === "loading" || !first) return;
    await this.#load(conversationId, timeline, `before_seq=${first.seq}&`, (page) => timeline.prepend(page));
  }

  /** @param {string} conversationId */
  forget(conversationId) {
    this.timelines.delete(conversationId);
  }

  wipe() {
    this.timelines.clear();
  }

  /**
   * @param {string} conversationId @param {Timeline} timeline @param {string} query
   * @param {(page: HistoryPage) => void} apply
   */
  async #load(conversationId, timeline, query, apply) {
    timeline.state = "loading";
    this.#emitter.changed("timeline");
    try {
      const page = await this.#rest.get(`/v1/conversations/${conversationId}/messages?${query}limit=${PAGE}`);
      // The conversation may have been left, or begun anew, meanwhile.
      if (this.timelines.get(conversationId) === timeline) apply(page);
    } catch (error) {
      timeline.state = "failed";
      if (asProblem(error).status === 404) this.#hooks.missing(conversationId);
    }
    this.#emitter.changed("timeline");
  }
}
