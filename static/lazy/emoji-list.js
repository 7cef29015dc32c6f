// The list of emoji and its search.

import { EMOJI } from "./emoji-data.js";

const GLYPH = /^\p{RGI_Emoji}/v;
const REGION = /^\p{RI}{2}$/u;
const MODIFIED = /(\p{Emoji_Modifier_Base})\ufe0f?/gu;
const [A, REGIONAL_A] = ["A".codePointAt(0), "🇦".codePointAt(0)];

/** @typedef {{ glyph: string, name: string, words: string[], more: string[] }} Emoji `more`: words that are not in its name */

const wordsOf = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

/** The groups in Unicode's order. @type {{ title: string, emoji: Emoji[] }[]} */
export const GROUPS = readGroups();

function readGroups() {
  const regions = new Intl.DisplayNames(["en"], { type: "region" });
  const groups = [];
  let shared = [];
  for (const line of EMOJI.trim().split("\n")) {
    if (line.startsWith("# ")) groups.push({ title: line.slice(2), emoji: [] });
    else if (line.startsWith("- ")) shared = line.slice(2).split(" ");
    else groups.at(-1).emoji.push(...emojiOf(line, shared, regions));
  }
  return groups;
}

function emojiOf(line, shared, regions) {
  const glyph = GLYPH.exec(line)[0];
  const [name, more = ""] = (line.slice(glyph.length) || regionName(glyph, regions)).split("|");
  const words = [...(more ? more.split(" ") : []), ...shared];
  const make = (shape, title) => ({ glyph: shape, name: title, words: wordsOf(title), more: words });
  if (!name.endsWith("±")) return [make(glyph, name)];
  const person = name.slice(0, -1);
  return [make(glyph, person), ...gendered(glyph, person).map(([shape, title]) => make(shape, title))];
}

function regionName(glyph, regions) {
  if (!REGION.test(glyph)) throw new Error(`An emoji without a name: ${glyph}`);
  return `flag: ${regions.of([...glyph].map((letter) => String.fromCodePoint(letter.codePointAt(0) - REGIONAL_A + A)).join(""))}`;
}

// The same rule is in make-emoji-data.js.
function gendered(glyph, name) {
  return [["man", "men", "♂", "👨"], ["woman", "women", "♀", "👩"]].map(([one, many, sign, person]) => [
    glyph.startsWith("🧑") && glyph.length > 2 ? glyph.replace("🧑", person) : `${glyph.replace(/\ufe0f$/, "")}\u200d${sign}\ufe0f`,
    /\bperson\b/.test(name) ? name.replace(/\bperson\b/, one) : /\bpeople\b/.test(name) ? name.replace(/\bpeople\b/, many) : `${one} ${name}`,
  ]);
}

const STARTS = (word, beginning) => word?.startsWith(beginning);
const EQUALS = (word, other) => word === other;

/**
 * Returns the emoji that have words with all these beginnings. First come those that have the whole words, and of them and of the others those whose
 * name begins with them, or has them.
 * @param {string} text @returns {Emoji[]}
 */
export function search(text) {
  const asked = wordsOf(text);
  const found = [];
  for (const emoji of GROUPS.flatMap((group) => group.emoji)) {
    if (emoji.glyph === text.trim()) return [emoji];
    const place = (fits) => [
      asked.every((word, at) => fits(emoji.words[at], word)),
      asked.every((word) => emoji.words.some((own) => fits(own, word))),
      asked.every((word) => [...emoji.words, ...emoji.more].some((own) => fits(own, word))),
    ].indexOf(true);
    const places = asked.length ? [place(EQUALS), place(STARTS)] : [-1, -1];
    if (places[1] >= 0) found.push({ emoji, rank: places[0] >= 0 ? places[0] : 3 + places[1] });
  }
  return found.sort((a, b) => a.rank - b.rank).map(({ emoji }) => emoji);
}

/** Returns a glyph in a skin tone, if Unicode has it in one. @param {string} glyph @param {string} tone */
export function toned(glyph, tone) {
  const changed = tone ? glyph.replace(MODIFIED, `$1${tone}`) : glyph;
  return /^\p{RGI_Emoji}$/v.test(changed) ? changed : glyph;
}
