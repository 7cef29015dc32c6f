// The page groups the results of a search: the user's conversations by title, people by name, messages by words.

import { messagesWith, peopleNamed } from "../client/index.js";
import { arrange, counted, el } from "./dom.js";
import { client } from "./page-client.js";
import { conversationOption, messageOption, moreOption, personOption } from "./search-options.js";
import { conversationsNamed } from "./search-titles.js";

const CONVERSATIONS = 6; // shown at first
const MORE_CONVERSATIONS = 20;
const PEOPLE = 5;
const MESSAGES = 20;
const LIST_PAGES = 10; // of 50 conversations
const FILTER = /(^|\s)(from|in|before|after):/i; // with one of them, the search is for messages alone

export class SearchGroups {
  #words = "";
  #shownConversations = CONVERSATIONS;
  #isExpecting = false; // the user types
  #nodes = new Map(); // key → {node, signature}
  #hooks;

  /** `changed` is called when other things are found, `go` with a conversation's id and the number of a message, `talkTo` with a user. */
  constructor(hooks) {
    this.#hooks = hooks;
    this.people = client.search.people(() => hooks.changed());
    this.messages = client.search.messages(() => {
      this.#lookUpConversations();
      hooks.changed();
    });
    this.groups = [
      group("conversations", "Conversations"),
      group("people", "People"),
      group("messages", "Messages"),
    ];
  }

  get isLoading() {
    return this.#isExpecting || this.people.isLoading || this.messages.isLoading;
  }

  get problem() {
    return this.messages.problem ?? this.people.problem;
  }

  /** The user types; the search begins when they pause. Conversations are here already. */
  expect(text) {
    this.#words = text.trim();
    this.#shownConversations = CONVERSATIONS;
    this.#isExpecting = true;
    this.#hooks.changed();
  }

  search(text) {
    const words = (this.#words = text.trim());
    if (words) this.messages.start(messagesWith(words, MESSAGES));
    else this.messages.clear();
    if (words && !FILTER.test(words)) this.people.start(peopleNamed(words, PEOPLE));
    else this.people.clear();
    // Not before the searches are under way: Enter waits for the end of them.
    this.#isExpecting = false;
    this.#hooks.changed();
    if (words) this.#loadConversations();
  }

  clear() {
    this.#words = "";
    this.#isExpecting = false;
    this.people.clear();
    this.messages.clear();
    this.#nodes.clear();
    for (const { rows } of this.groups) rows.replaceChildren();
  }

  /** Returns the options in their order: {key, node, choose, isServers}. */
  options() {
    return this.#found().flat();
  }

  /** Returns the groups that have options, filled. */
  nodes() {
    const found = this.#found();
    const keys = new Set(found.flat().map(({ key }) => key));
    for (const key of this.#nodes.keys()) if (!keys.has(key)) this.#nodes.delete(key);
    this.groups[0].heading.textContent = this.#words ? "Conversations" : "Recent conversations";
    return this.groups.filter((one, index) => {
      arrange(one.rows, found[index].map(({ node }) => node));
      return found[index].length > 0;
    }).map(({ node }) => node);
  }

  summary(count) {
    if (!this.#words) return count ? "" : "You have no conversations yet. Search for people by name.";
    if (count === 0) return `Nothing found for “${this.#words}”.`;
    const parts = [[this.#titled().length, "conversation"], [this.#others().length, "person", "people"], [this.messages.items.length, "message"]];
    const found = parts.filter(([number]) => number > 0).map((part) => counted(...part)).join(", ");
    const isPartial = client.list.next && !FILTER.test(this.#words);
    return `${found} found.${isPartial ? ` By name, your ${counted(client.conversations.size, "latest conversation")} were searched.` : ""}`;
  }

  #others() {
    return this.people.items.filter(({ id }) => id !== client.user.id);
  }

  #titled() {
    return FILTER.test(this.#words) ? [] : conversationsNamed(this.#words);
  }

  #found() {
    const { go, talkTo } = this.#hooks;
    const known = this.#nodes;
    const titled = this.#titled();
    const conversations = titled.slice(0, this.#shownConversations).map((conversation) => conversationOption(known, conversation, go));
    if (this.#words && titled.length > this.#shownConversations) {
      conversations.push(moreOption(known, "conversations", "Show more conversations", () => {
        this.#shownConversations += MORE_CONVERSATIONS;
        this.#hooks.changed();
      }));
    }
    const people = this.#others().map((user) => personOption(known, user, talkTo));
    const messages = this.messages.items.map((found) => messageOption(known, found, go));
    return [conversations, this.#withMore(people, this.people, "people"), this.#withMore(messages, this.messages, "messages")];
  }

  #withMore(options, list, noun) {
    if (!this.#words || !list.hasMore || (list.isLoading && options.length === 0)) return options;
    const words = list.problem ? "Try again" : options.length ? `Show more ${noun}` : `Search more ${noun}`;
    return [...options, moreOption(this.#nodes, noun, words, () => list.more())];
  }

  // Titles are searched here, so the list has to be here as well.
  #isLoadingList = false;
  async #loadConversations() {
    if (this.#isLoadingList) return;
    this.#isLoadingList = true;
    for (let pages = 0; pages < LIST_PAGES && client.list.next && this.#words; pages += 1) await client.list.loadMore();
    this.#isLoadingList = false;
  }

  #lookUpConversations() {
    for (const { message } of this.messages.items) {
      const id = message.conversation_id;
      if (!client.conversations.has(id) && !client.list.isFetching(id)) client.list.fetch(id);
    }
  }
}

function group(name, title) {
  const heading = el("span", {}, title);
  const rows = el("div", { class: "found-rows", role: "presentation" });
  const node = el("div", { class: "found-group", role: "group", "aria-label": title, "data-testid": `search-${name}` },
    el("div", { class: "found-heading", "aria-hidden": "true" }, heading), rows);
  return { node, heading, rows };
}
