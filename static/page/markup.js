// Reads the markup of messages: text → tree. It takes time linear in the text, and what is nested is bounded, whatever the text is. What
// is no markup stays as it is, character for character.

/**
 * @typedef {string | { type: "strong" | "em" | "del", nodes: Inline[] } | { type: "code", text: string }
 *   | { type: "link", href: string, text: string } | { type: "mention", text: string, username: string }} Inline
 * @typedef {{ type: "text", nodes: Inline[] } | { type: "code", text: string } | { type: "quote", blocks: Block[] }
 *   | { type: "list", items: { number: number | null, blocks: Block[] }[] }} Block
 */

const BLOCKS_DEEP = 4; // quotes and lists inside each other; deeper ones stay text
const BLOCKS_MOST = 200; // of one message; what follows is text, since each block is several elements
const TOKENS_MOST = 1_000; // marks, links and names of one message; what follows is text
const MARKS_OPEN = 12; // marks that wait for their end; of more, the oldest is given up
const USERNAME_MOST = 32;

const FENCE = /^(`{3,})[^`]*$/;
const FENCE_END = /^`{3,}\s*$/;
const QUOTE_START = /^> +\S/;
const QUOTE = /^>(?: |$)/;
const ITEM = /^(?:[-*]|(\d{1,3})[.)]) +(?=\S)(?![-*](?: |$))/; // several in a row are a line of marks
const INDENT = /^(?: {2,4}|\t)(?=\s*\S)/;

// Characters that turn the direction of text would let an address look like another one.
const TOKEN = /`+|\*+|_+|~+|https?:\/\/[^\s<>"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+|@[a-z0-9._-]{2,}/gi;
// Scripts without spaces between words: there a mark stands between letters.
const WORD = /^(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}])[\p{L}\p{M}\p{N}]/u;
const SPACE = /^\s?$/;
// The server's rule of mentions: not inside a word, an address, or another name.
const BEFORE_NO_MENTION = /^[\p{Alphabetic}\p{N}_.+@/-]$/u;
const ENDS_NO_NAME = /^[\p{Alphabetic}\p{N}]/u;

/** @type {Record<string, "strong" | "em" | "del">} */
const MARKS = { "**": "strong", "*": "em", _: "em", "~~": "del" };
/** What a run of one character opens, the outer mark first. Other runs are text. @type {Record<string, string[]>} */
const RUNS = { "***": ["**", "*"], "**": ["**"], "*": ["*"], _: ["_"], "~~": ["~~"] };

/**
 * Returns the blocks of a text. `usernames` are those that an `@` can mark, in lower case.
 * @param {string} text @param {Set<string>} [usernames]
 * @returns {Block[]}
 */
export function parse(text, usernames = new Set()) {
  return blocksOf(text.split("\n"), { usernames, depth: 0, count: { blocks: 0, tokens: 0 } });
}

/**
 * Where a block is: how deep, and how many there are before it.
 * @typedef {{ usernames: Set<string>, depth: number, count: { blocks: number, tokens: number } }} Place
 */

/** @param {string[]} lines @param {Place} place @returns {Block[]} */
function blocksOf(lines, place) {
  /** @type {Block[]} */
  const blocks = [];
  let plain = 0; // the first of the lines that belong to no block yet
  const endText = (/** @type {number} */ end) => {
    const isWhole = plain === 0 && end === lines.length;
    let words = lines.slice(plain, end).join("\n");
    // A block stands in lines of its own: the line ends around it are not the text's.
    if (!isWhole) words = words.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd();
    if (words || isWhole) blocks.push({ type: "text", nodes: inlinesOf(words, place) });
  };
  for (let at = 0; at < lines.length;) {
    const found = place.count.blocks < BLOCKS_MOST && blockAt(lines, at, place);
    if (!found) {
      at += 1;
      continue;
    }
    if (at > plain) endText(at);
    blocks.push(found.block);
    at = plain = found.end;
  }
  if (plain < lines.length) endText(lines.length);
  return blocks;
}

/** @param {string[]} lines @param {number} at @param {Place} place @returns {{ block: Block, end: number } | null} */
function blockAt(lines, at, place) {
  const inside = { ...place, depth: place.depth + 1 };
  const found = codeAt(lines, at) ?? (place.depth < BLOCKS_DEEP ? quoteAt(lines, at, inside) ?? listAt(lines, at, inside) : null);
  if (found) place.count.blocks += 1;
  return found;
}

/** @param {string[]} lines @param {number} at @returns {{ block: Block, end: number } | null} */
function codeAt(lines, at) {
  const fence = FENCE.exec(lines[at])?.[1];
  if (!fence) return null;
  let end = at + 1;
  while (end < lines.length && !(lines[end].startsWith(fence) && FENCE_END.test(lines[end]))) end += 1;
  // Without an end, everything that follows is code. A fence alone is text.
  if (at + 1 >= lines.length) return null;
  return { block: { type: "code", text: lines.slice(at + 1, end).join("\n") }, end: end + 1 };
}

/** @param {string[]} lines @param {number} at @param {Place} inside @returns {{ block: Block, end: number } | null} */
function quoteAt(lines, at, inside) {
  if (!QUOTE_START.test(lines[at])) return null;
  let end = at + 1;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const quoted = lines.slice(at, end).map((line) => line.slice(2));
  return { block: { type: "quote", blocks: blocksOf(quoted, inside) }, end };
}

/** @param {string[]} lines @param {number} at @param {Place} inside @returns {{ block: Block, end: number } | null} */
function listAt(lines, at, inside) {
  const items = [];
  let end = at;
  let item = ITEM.exec(lines[end]);
  const isNumbered = item?.[1] !== undefined;
  while (item && (item[1] !== undefined) === isNumbered && inside.count.blocks < BLOCKS_MOST) {
    inside.count.blocks += 1;
    const content = [lines[end].slice(item[0].length)];
    end += 1;
    // Lines that are indented belong to the item.
    const indent = INDENT.exec(lines[end] ?? "")?.[0] ?? "";
    for (; indent && (lines[end] ?? "").startsWith(indent); end += 1) content.push(lines[end].slice(indent.length));
    items.push({ number: isNumbered ? Number(item[1]) : null, blocks: blocksOf(content, inside) });
    item = ITEM.exec(lines[end] ?? "");
  }
  return items.length ? { block: { type: "list", items }, end } : null;
}

/** @param {string} text @param {Place} place @returns {Inline[]} */
function inlinesOf(text, { usernames, count }) {
  const marks = new Marks();
  const ends = codeEnds(text);
  const token = new RegExp(TOKEN);
  let from = 0; // the first character that is not in the tree yet
  const put = (/** @type {number} */ start, /** @type {number} */ end, /** @type {Inline} */ node) => {
    marks.add(text.slice(from, start));
    marks.add(node);
    from = token.lastIndex = end;
  };
  for (let match = token.exec(text); match && count.tokens < TOKENS_MOST; match = token.exec(text)) {
    count.tokens += 1;
    const [[run], at] = [match, match.index];
    const after = at + run.length;
    if (run[0] === "`") {
      const end = ends.get(at);
      if (end !== undefined) put(at, end + run.length, { type: "code", text: unpadded(text.slice(after, end)) });
    } else if (run[0] === "@") {
      const length = mentionedBy(run, text, at, usernames);
      token.lastIndex = at + Math.max(length, 1);
      if (length) put(at, at + length, { type: "mention", text: run.slice(0, length), username: run.slice(1, length).toLowerCase() });
    } else if (run.length > 3 && /^h/i.test(run)) {
      const link = linkOf(run);
      if (link) put(at, at + link.length, { type: "link", href: link.href, text: link.text });
    } else {
      marks.add(text.slice(from, at));
      marks.run(run, charBefore(text, at), charAfter(text, after));
      from = after;
    }
  }
  marks.add(text.slice(from));
  return marks.end();
}

/** Bold, italic and struck text: a stack of the marks that are open. */
class Marks {
  /** @type {{ mark: string, nodes: Inline[] }[]} the first one is the text itself */
  #stack = [{ mark: "", nodes: [] }];

  /** @param {Inline} node */
  add(node) {
    push(this.#stack[this.#stack.length - 1].nodes, node);
  }

  /** Takes a run of one character. @param {string} run @param {string} before @param {string} after */
  run(run, before, after) {
    const opens = RUNS[run];
    if (!opens) return this.add(run);
    let left = run.length;
    if (!SPACE.test(before) && !WORD.test(after)) left = this.#close(run[0], left);
    if (left === 0) return;
    const canOpen = left === run.length && !WORD.test(before) && !SPACE.test(after);
    if (!canOpen) return this.add(run.slice(0, left));
    for (const mark of opens) this.#open(mark);
  }

  /** @returns {Inline[]} */
  end() {
    this.#giveUp(1);
    return this.#stack[0].nodes;
  }

  /** @param {string} mark */
  #open(mark) {
    this.#stack.push({ mark, nodes: [] });
    if (this.#stack.length <= MARKS_OPEN + 1) return;
    const [{ mark: oldest, nodes }] = this.#stack.splice(1, 1);
    push(this.#stack[0].nodes, oldest);
    for (const node of nodes) push(this.#stack[0].nodes, node);
  }

  /** Closes the nearest marks of a character that the run has room for. Returns what is left of it. @param {string} character @param {number} left */
  #close(character, left) {
    for (;;) {
      const at = this.#stack.findLastIndex(({ mark }) => mark[0] === character && mark.length <= left);
      if (at < 1) return left;
      this.#giveUp(at + 1);
      const closed = /** @type {{ mark: string, nodes: Inline[] }} */ (this.#stack.pop());
      this.add({ type: MARKS[closed.mark], nodes: closed.nodes });
      left -= closed.mark.length;
      if (left === 0) return 0;
    }
  }

  /** Marks from this place on have no end, and are text. @param {number} at */
  #giveUp(at) {
    while (this.#stack.length > at) {
      const { mark, nodes } = /** @type {{ mark: string, nodes: Inline[] }} */ (this.#stack.pop());
      this.add(mark);
      for (const node of nodes) this.add(node);
    }
  }
}

/** @param {Inline[]} nodes @param {Inline} node */
function push(nodes, node) {
  const last = nodes.length - 1;
  if (node === "") return;
  if (typeof node === "string" && typeof nodes[last] === "string") nodes[last] += node;
  else nodes.push(node);
}

/** Returns for each run of backticks where the next one of the same length begins. @param {string} text */
function codeEnds(text) {
  const ends = new Map();
  const nextOfLength = new Map();
  for (const { 0: run, index } of [...text.matchAll(/`+/g)].reverse()) {
    if (nextOfLength.has(run.length)) ends.set(index, nextOfLength.get(run.length));
    nextOfLength.set(run.length, index);
  }
  return ends;
}

/** With a space at both sides, code can begin with a backtick. @param {string} code */
const unpadded = (code) => (code.startsWith(" ") && code.endsWith(" ") && code.trim() ? code.slice(1, -1) : code);

/** Returns the character before a place, of one or two units. @param {string} text @param {number} at */
function charBefore(text, at) {
  const isPair = /[\udc00-\udfff]/.test(text[at - 1] ?? "") && /[\ud800-\udbff]/.test(text[at - 2] ?? "");
  return text.slice(isPair ? at - 2 : Math.max(0, at - 1), at);
}

/** @param {string} text @param {number} at */
const charAfter = (text, at) => text.slice(at, at + 2);

/**
 * Returns the length of the longest mention at a place, with its `@`.
 * @param {string} run @param {string} text @param {number} at @param {Set<string>} usernames
 */
function mentionedBy(run, text, at, usernames) {
  if (BEFORE_NO_MENTION.test(charBefore(text, at)) || text[at + run.length] === "@") return 0;
  for (let length = Math.min(run.length, USERNAME_MOST + 1); length > 2; length -= 1) {
    if (usernames.has(run.slice(1, length).toLowerCase()) && !ENDS_NO_NAME.test(charAfter(text, at + length))) return length;
  }
  return 0;
}

/**
 * Returns the link of an address in a text, and how much of the text it is. What is shown always begins with the host to which it leads: with the
 * punycode of other scripts, and without user information, both of which can look like another host.
 * @param {string} run
 */
function linkOf(run) {
  const written = run.slice(0, addressEnd(run));
  let url;
  try {
    url = new URL(written);
  } catch {
    return null;
  }
  url.username = url.password = "";
  const origin = `${url.protocol}//${url.host}`;
  const isPlain = written.slice(0, origin.length).toLowerCase() === origin && /^(?:[/?#]|$)/.test(written.slice(origin.length));
  return { href: url.href, text: isPlain ? written : url.href, length: written.length };
}

/** Punctuation at the end belongs to the sentence, but for brackets that the address opens. @param {string} run */
function addressEnd(run) {
  let end = run.length;
  const count = (/** @type {string} */ character) => run.split(character).length - 1;
  let extra = count(")") - count("(");
  for (; end > 0 && ".,;:!?'’)]}*_~`".includes(run[end - 1]); end -= 1) {
    if (run[end - 1] !== ")") continue;
    if (extra <= 0) break;
    extra -= 1;
  }
  return end;
}
