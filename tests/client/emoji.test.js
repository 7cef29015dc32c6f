// The emoji of the picker.

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import test from "node:test";

import { GROUPS, search, toned } from "../../static/lazy/emoji-list.js";

const all = GROUPS.flatMap(({ emoji }) => emoji);
const first = (text) => search(text)[0]?.glyph;

test("each is one emoji in Unicode's own form, with a name, once", () => {
  assert.equal(GROUPS.length, 9);
  assert.ok(all.length > 1800, `${all.length}`);
  for (const { glyph, name } of all) {
    assert.match(glyph, /^\p{RGI_Emoji}$/v);
    assert.ok(name && !/[±|]/.test(name), glyph);
  }
  assert.equal(new Set(all.map(({ glyph }) => glyph)).size, all.length);
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
});

test("the file is small", () => {
  assert.ok(statSync(new URL("../../static/lazy/emoji-data.js", import.meta.url)).size < 62_000);
});

test("it is found by the beginnings of English words", () => {
  for (const [text, glyph] of [
    ["thumbs up", "👍"], ["thu", "👍"], ["red heart", "❤️"], ["HEART red", "❤️"], ["party", "🎉"], ["lol", "😄"], ["switz", "🇨🇭"], ["flag: japan", "🇯🇵"], ["woman doctor", "👩‍⚕️"],
    ["man running", "🏃‍♂️"], ["keycap 7", "7️⃣"], ["cat", "😹"], ["🦊", "🦊"], ["one o'clock", "🕐"],
  ]) assert.equal(first(text), glyph, text);
  for (const text of ["", "  ", "qwertz", "()", "±|"]) assert.deepEqual(search(text), [], text);
});

test("a skin tone is for those that have one", () => {
  for (const [glyph, expected] of [["👍", "👍🏽"], ["🕵️‍♂️", "🕵🏽‍♂️"], ["👩‍⚕️", "👩🏽‍⚕️"], ["❤️", "❤️"], ["👨‍👩‍👧", "👨‍👩‍👧"], ["☝️", "☝🏽"]]) assert.equal(toned(glyph, "🏽"), expected);
  for (const { glyph } of all) assert.equal(toned(glyph, ""), glyph);
});
