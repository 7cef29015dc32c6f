// Writes static/lazy/emoji-data.js from the list of Unicode, as the package `emojibase-data` has it: the glyphs and their order, and CLDR's English
// names and keywords.
//
//     npm pack emojibase-data@17.0.0 && tar xzf emojibase-data-17.0.0.tgz
//     node tests/client/support/make-emoji-data.js package > static/lazy/emoji-data.js

import { readFileSync } from "node:fs";
import { join } from "node:path";

const NEWEST = 16; // of Unicode's emoji versions: newer ones are boxes on most devices
const SHARED = 0.6; // a keyword of so many of a subgroup stands once for all of it
const WORDS_MOST = 6; // of one emoji besides its name, the shortest ones
const COMPONENTS = 2; // skin tones and hair alone

const folder = join(process.argv[2], "en");
const read = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
const { groups, subgroups } = read("messages");

const wordsOf = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
const titleOf = (text) => text[0].toUpperCase() + text.slice(1);

/** The one form that Unicode recommends: with a variation selector where it is needed, and nowhere else. */
function glyphOf({ emoji, hexcode }) {
  const characters = String.fromCodePoint(...hexcode.split("-").map((code) => parseInt(code, 16)));
  return [characters, emoji].find((form) => /^\p{RGI_Emoji}$/v.test(form));
}

const list = read("data")
  .filter(({ group, version }) => group !== undefined && group !== COMPONENTS && version <= NEWEST)
  .sort((a, b) => a.order - b.order)
  .map((emoji) => ({ ...emoji, glyph: glyphOf(emoji), words: wordsOf(emoji.label), tags: (emoji.tags ?? []).flatMap(wordsOf) }));
const byGlyph = new Map(list.map((emoji) => [emoji.glyph, emoji]));

/** What the picker makes of a person: the glyphs and names of a man and a woman. The same rule is in emoji-list.js. */
function gendered({ glyph, label }) {
  return [["man", "men", "♂", "👨"], ["woman", "women", "♀", "👩"]].map(([one, many, sign, person]) => ({
    glyph: glyph.startsWith("🧑") && glyph.length > 2 ? glyph.replace("🧑", person) : `${glyph.replace(/\ufe0f$/, "")}\u200d${sign}\ufe0f`,
    label: /\bperson\b/.test(label) ? label.replace(/\bperson\b/, one) : /\bpeople\b/.test(label) ? label.replace(/\bpeople\b/, many) : `${one} ${label}`,
  }));
}
for (const emoji of list) {
  const variants = gendered(emoji);
  if (!variants.every(({ glyph, label }) => byGlyph.get(glyph)?.label === label)) continue;
  emoji.isGendered = true;
  for (const { glyph } of variants) byGlyph.get(glyph).isMade = true;
}

const lines = [];
const startsAny = (words, tag) => words.some((word) => word.startsWith(tag));
for (const [number, { message: title }] of groups.entries()) {
  const members = list.filter(({ group, isMade }) => group === number && !isMade);
  if (!members.length) continue;
  lines.push(`# ${titleOf(title)}`);
  for (const id of new Set(members.map(({ subgroup }) => subgroup))) {
    const some = members.filter(({ subgroup }) => subgroup === id);
    const title = wordsOf(subgroups.find(({ order }) => order === id).message);
    const shared = [...new Set(some.flatMap(({ tags }) => tags))].filter((tag) => !startsAny(title, tag)
      && some.length > 2 && some.filter(({ tags }) => tags.includes(tag)).length >= SHARED * some.length);
    const common = [...title, ...shared];
    lines.push(`- ${common.join(" ")}`);
    for (const { glyph, label, words, tags, isGendered } of some) {
      // The names of regions are the browser's.
      if (/^\p{RI}{2}$/u.test(glyph)) {
        lines.push(glyph);
        continue;
      }
      // A search looks for the beginnings of words, so a shorter form says nothing more.
      const own = [...new Set(tags)].filter((tag) => tag.length > 1 && !startsAny(words, tag) && !startsAny(common, tag)
        && !tags.some((other) => other !== tag && other.startsWith(tag))).sort((a, b) => a.length - b.length).slice(0, WORDS_MOST);
      lines.push(`${glyph}${label}${isGendered ? "±" : ""}${own.length ? `|${own.join(" ")}` : ""}`);
    }
  }
}

const { version } = JSON.parse(readFileSync(join(process.argv[2], "package.json"), "utf8"));
process.stdout.write(`// Made by tests/client/support/make-emoji-data.js from emojibase-data ${version}; the licences are in emoji-data.txt.
//
// A line with "# " begins a group, with "- " a subgroup and the words by which all of it is found. Each other line is a glyph with its name and, after |,
// more words. ± stands for a man and a woman of the same kind. Flags of regions have no name here: the browser knows them.

export const EMOJI = \`
${lines.join("\n").replaceAll("\\", "\\\\").replaceAll("\`", "\\\`")}
\`;
`);
