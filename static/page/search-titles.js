// Finds conversations by the words of their titles, and of the other user's username.

import { titleOf } from "./names.js";
import { client } from "./page-client.js";

/** Returns the conversations of which every word of `words` begins a word, latest activity first. Without words: all. */
export function conversationsNamed(words) {
  const wanted = wordsOf(words);
  const all = client.conversations.sorted();
  if (wanted.length === 0) return words ? [] : all;
  return all.filter((conversation) => {
    const peer = client.people.users.get(conversation.peer?.id);
    const own = wordsOf(`${titleOf(conversation)} ${peer?.username ?? ""}`);
    return wanted.every((word) => own.some((one) => one.startsWith(word)));
  });
}

// As the server compares names: compatible forms of a character are one, marks and case do not count.
const wordsOf = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
