// The search for people and for messages.

import { PagedList } from "./paged-list.js";

/** @import { People } from "./people.js" */
/** @import { Rest } from "./rest.js" */

const PEOPLE_PAGE = 30;
const MESSAGES_PAGE = 20;

export class Search {
  #rest;
  #people;

  /** @param {Rest} rest @param {People} people */
  constructor(rest, people) {
    this.#rest = rest;
    this.#people = people;
  }

  /** Returns a list of people, whose `start` takes `peopleNamed(…)`. @param {() => void} changed */
  people(changed) {
    return new PagedList(this.#rest, { changed, arrived: (users) => users.forEach((user) => this.#people.learn(user)) });
  }

  /** Returns a list of {message, excerpt, ranges}, whose `start` takes `messagesWith(…)`. @param {() => void} changed */
  messages(changed) {
    return new PagedList(this.#rest, { changed });
  }
}

/** @param {string} words of names or usernames @param {number} [limit] of a page */
export const peopleNamed = (words, limit = PEOPLE_PAGE) => `/v1/users?q=${encodeURIComponent(words.trim())}&limit=${limit}`;

/** @param {string} words and filters: docs/protocol.md has them @param {number} [limit] of a page */
export const messagesWith = (words, limit = MESSAGES_PAGE) => `/v1/search?q=${encodeURIComponent(words.trim())}&limit=${limit}`;

/**
 * Splits an excerpt at the ranges of what was found in it.
 * @param {string} excerpt
 * @param {[number, number][]} ranges in order, in UTF-16 code units
 * @returns {{ text: string, isFound: boolean }[]}
 */
export function foundParts(excerpt, ranges) {
  const parts = [];
  let end = 0;
  for (const [from, to] of ranges) {
    parts.push({ text: excerpt.slice(end, from), isFound: false }, { text: excerpt.slice(from, to), isFound: true });
    end = to;
  }
  parts.push({ text: excerpt.slice(end), isFound: false });
  return parts.filter(({ text }) => text);
}
