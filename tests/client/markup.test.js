// The markup of messages, as the page reads it.

import assert from "node:assert/strict";
import test from "node:test";

import { parse } from "../../static/page/markup.js";

/** Writes a tree in short: `strong(a)`. */
const short = (node) => {
  if (typeof node === "string") return node;
  const { type, nodes, text, href, blocks, items } = node;
  if (type === "link") return `link(${text}${href === text || href === `${text}/` ? "" : ` → ${href}`})`;
  if (type === "list") return `list(${items.map(({ number, blocks: inside }) => `${number ?? "-"} ${inside.map(short).join("")}`).join("|")})`;
  const inside = text ?? (nodes ?? blocks).map(short).join("");
  return type === "text" ? inside : `${type}(${inside})`;
};
const read = (text, names) => parse(text, new Set(names)).map(short).join("¶");

/** Checks how texts are read. */
function reads(cases) {
  for (const [text, expected] of cases) assert.equal(read(text), expected, JSON.stringify(text));
}

test("bold, italic, struck", () => {
  reads([
    ["**bold**", "strong(bold)"],
    ["an *italic* word, and _another_.", "an em(italic) word, and em(another)."],
    ["~~gone~~", "del(gone)"],
    ["***both***", "strong(em(both))"],
    ["**bold *and italic***", "strong(bold em(and italic))"],
    ["*a **b** c*", "em(a strong(b) c)"],
    ["(*in brackets*)", "(em(in brackets))"],
    ["**two\nlines**", "strong(two\nlines)"],
    ["世界**你好**世界", "世界strong(你好)世界"],
    ["**שלום**", "strong(שלום)"],
  ]);
});

test("what is no markup stays as it is", () => {
  const texts = [
    "snake_case and _private and more_snake_case", "2*3*4", "2 * 3 * 4", "f(*args, **kwargs)", "__init__", "~5 to ~10", "a ~ b", "* * *", "****", "___", "**open",
    "*", "_", "`", "``", "```", "> ", ">:(", ">_<", "-", "- ", "-1", "1.5", "1.", "2026. What a year", "#1", "\\*", "C:\\_x_y", "𝐀*b*𝐀", "  indented", "two\n\nparts\n", "\n", "",
    "[text](address)", "<b>bold</b>", "&amp;", "a@b.example", "javascript:alert(1)", "http://", "https://?", "ftp://x.example",
  ];
  for (const text of texts) assert.equal(read(text), text, JSON.stringify(text));
});

test("nothing inside code is formatted", () => {
  reads([
    ["`a*b*c`", "code(a*b*c)"],
    ["`` a`b ``", "code(a`b)"],
    ["*a `b* c`", "*a code(b* c)"],
    ["`https://x.example` `@ada`", "code(https://x.example) code(@ada)"],
    ["`open *a*", "`open em(a)"],
    ["```one line```", "code(one line)"],
    ["```\n**a**\n  > b\n```", "code(**a**\n  > b)"],
    ["see\n```rust\nfn a() {}\n\n```\n\nthere", "see¶code(fn a() {}\n)¶there"],
    ["````\n```\n````", "code(```)"],
    ["```\nwithout an end", "code(without an end)"],
    ["```\n```", "code()"],
  ]);
});

test("quotes and lists", () => {
  reads([
    ["> said\n> *so*\nyes", "quote(said\nem(so))¶yes"],
    ["> > deep\n> less", "quote(quote(deep)less)"],
    ["> ```\n> a\n> ```", "quote(code(a))"],
    ["- a\n- **b**\n\nc", "list(- a|- strong(b))¶c"],
    ["* a\n* b", "list(- a|- b)"],
    ["3. c\n4) d", "list(3 c|4 d)"],
    ["- a\n1. b", "list(- a)¶list(1 b)"],
    ["- a\n  - b\n    - c\n  - d\n- e", "list(- alist(- blist(- c)|- d)|- e)"],
    ["- a\n  more", "list(- a\nmore)"],
    ["before\n- a", "before¶list(- a)"],
  ]);
  assert.equal(read("> ".repeat(6) + "x"), `${"quote(".repeat(4)}> > x${")".repeat(4)}`, "deeper ones stay text");
});

test("addresses are links, and show where they lead", () => {
  reads([
    ["see https://example.org/a?b=c&d=(e), please", "see link(https://example.org/a?b=c&d=(e)), please"],
    ["(https://example.org/a)", "(link(https://example.org/a))"],
    ["**https://example.org**", "strong(link(https://example.org))"],
    ["https://example.org/snake_case_name*2*", "link(https://example.org/snake_case_name*2)*"],
    ["HTTPS://Example.ORG/A", "link(HTTPS://Example.ORG/A → https://example.org/A)"],
    ["https://раypal.example/x", "link(https://xn--ypal-43d9g.example/x)"],
    ["https://bank.example@evil.example/", "link(https://evil.example/)"],
    ["https://bank.example:443@evil.example:8443", "link(https://evil.example:8443/)"],
    ["https://evil.example\\@bank.example/", "link(https://evil.example/@bank.example/)"],
    ["http://0x7f.1/", "link(http://127.0.0.1/)"],
    ["https://ｅvil.example/", "link(https://evil.example/)"],
    ["https://a.example/\u202egpj.exe", "link(https://a.example/)\u202egpj.exe"],
    ["https://%zz/", "https://%zz/"],
  ]);
});

test("mentions are those of the given usernames, the longest first", () => {
  const names = ["ada", "ada.l", "grace", "all"];
  for (const [text, expected] of [
    ["@ada", "mention(@ada)"],
    ["hi @Ada, and @GRACE!", "hi mention(@Ada), and mention(@GRACE)!"],
    ["@ada.l. @ada.", "mention(@ada.l). mention(@ada)."],
    ["**@ada**", "strong(mention(@ada))"],
    ["@adam @stranger a@ada @ x_@ada a+b@ada @@ada @ada@x.example 世@ada @adaé", "@adam @stranger a@ada @ x_@ada a+b@ada @@ada @ada@x.example 世@ada @adaé"],
    ["„@ada“ cc:@ada 👋@ada👋 @ada/@grace", "„mention(@ada)“ cc:mention(@ada) 👋mention(@ada)👋 mention(@ada)/@grace"],
    ["`@ada`", "code(@ada)"],
    ["@all", "mention(@all)"],
  ]) assert.equal(read(text, names), expected, text);
});

test("one message has a bounded number of blocks", () => {
  const code = parse("```\na\n```\n".repeat(1000));
  assert.deepEqual([code.length, code.at(-2).type, code.at(-1).type], [201, "code", "text"]);
});

/** Returns how deep a tree is, without recursion. */
function depthOf(blocks) {
  let [level, depth] = [blocks, 0];
  for (; level.length; depth += 1) {
    level = level.flatMap((node) => node.nodes ?? node.blocks ?? node.items?.flatMap((item) => item.blocks) ?? []);
  }
  return depth;
}

// A hundred rows of such a message are made when its conversation is opened.
const nodesIn = (/** @type {any[]} */ level) => level.reduce((count, node) => {
  const inside = node.nodes ?? node.blocks ?? node.items?.flatMap((/** @type {any} */ item) => item.blocks) ?? [];
  return count + 1 + (node.items?.length ?? 0) + nodesIn(inside);
}, 0);
for (const piece of ["- a\n", "1. a\n", "*a* ", "@ada ", "`a` ", "https://a ", "> - *a*\n"]) {
  test(`${JSON.stringify(piece)} over and over makes a bounded number of elements`, () => {
    const nodes = nodesIn(parse(piece.repeat(16 * 1024 / piece.length), new Set(["ada"])));
    assert.ok(nodes < 2_500, `${nodes} nodes`);
  });
}

// A message has 16 KiB at most. With 16 times that, anything worse than linear takes minutes; a linear reader needs some 50 ms, and the bound is
// for busy machines.
const LENGTH = 256 * 1024;
const MOST_MS = 5_000;
for (const piece of ["*", "_", "`", "[", "*_[`", "*a ", "*a _b ~~c ", "**a *b", "*a*", "a* ", "`a``b```c", "> ", "- ", "1. ", "- a\n  ", "  - a\n", "> - ", "```\n", "```a\n````\n", "@a", "@ada ", "@ada", "https://", "https://a.",
  "https://%", "https://a.example/(", "https://a)", "https://a....", "\n", "> \n", "~~", "~~a ", " `", "\\`", "a_"]) {
  test(`time and depth are bounded for ${JSON.stringify(piece)} over and over`, () => {
    const text = piece.repeat(LENGTH / piece.length);
    const began = performance.now();
    const blocks = parse(text, new Set(["ada"]));
    const took = performance.now() - began;
    assert.ok(took < MOST_MS, `${took} ms`);
    assert.ok(depthOf(blocks) < 40, `${depthOf(blocks)} deep`);
  });
}
