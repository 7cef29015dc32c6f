// The layers of static/client/index.js: a file imports from those below it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../static/client/", import.meta.url);
const read = (name) => readFileSync(new URL(`${name}.js`, folder), "utf8");
const names = readdirSync(folder).filter((name) => name.endsWith(".js")).map((name) => name.slice(0, -3));

const table = /A file imports from those below it.*?\/\/\n((?:\/\/ {5}[^\n]*\n)+)/s.exec(read("index"))[1];
const layers = table.trim().split("\n").map((line) => line.slice("//     ".length).split(/ {3,}/)[0].split(/ +/));
const layerOf = (name) => layers.findIndex((layer) => layer.includes(name));

test("every file stands in a layer", () => {
  assert.deepEqual(layers.flat().sort(), names.sort());
});

test("imports point down", () => {
  const wrong = [];
  for (const name of names) {
    const imports = [...read(name).matchAll(/^(?:import|export) [^\n]* from "\.\/([a-z0-9-]+)\.js";/gm)].map(([, other]) => other);
    for (const other of imports) if (layerOf(other) < layerOf(name)) wrong.push(`${name} imports ${other}`);
  }
  assert.deepEqual(wrong, []);
});

test("no file uses a name of another server, a dependency or the document", () => {
  for (const name of names) {
    const code = read(name).replace(/^\/\/.*$/gm, "");
    assert.doesNotMatch(code, /from "(?!\.\/)/, name);
    assert.doesNotMatch(code, /\b(document|window|localStorage\.|sessionStorage\.)\b/, name);
  }
});
