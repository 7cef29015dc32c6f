// Quotes: what a message shows of the one that it answers.

/** @import { Message, Quote } from "./types.js" */

const CHARACTERS_MOST = 200; // the protocol's

/**
 * Returns the quote of a message, as the server makes it.
 * @param {Message} message
 * @returns {Quote}
 */
export function quoteOf({ seq, sender_id, type, content, deleted_at = null }) {
  // A character has at most two UTF-16 units.
  const text = type === "text" && !deleted_at ? [...content.slice(0, 2 * CHARACTERS_MOST)].slice(0, CHARACTERS_MOST).join("") : "";
  return { seq, sender_id, type, content: text, deleted_at };
}

/** Returns an answer with what it quotes as that is now. @param {Message} answer @param {Message} quoted @returns {Message} */
export const withQuoteOf = (answer, quoted) => (answer.deleted_at ? answer : { ...answer, quote: quoteOf(quoted) });
