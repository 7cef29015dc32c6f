// Finding people and messages, and the user's own account.

import assert from "node:assert/strict";
import test from "node:test";

import { foundParts, messagesWith, peopleNamed } from "../../static/client/index.js";
import { FakeBrowser } from "./support/browser.js";
import { settled } from "./support/clock.js";
import { ADA, GRACE } from "./support/server.js";

const USERS = "GET /v1/users";

/** A tab of Ada, with the pages that the server has by cursor. */
async function withPages(pages) {
  const browser = new FakeBrowser();
  browser.server.answers[USERS] = ({ search }) => pages[new URLSearchParams(search).get("cursor") ?? ""];
  const { client } = await browser.loggedIn();
  let changes = 0;
  const people = client.search.people(() => { changes += 1; });
  return { server: browser.server, client, people, changes: () => changes };
}

const page = (names, next = null) => [200, { items: names.map((name) => ({ ...GRACE, id: name, name })), next }];
const names = (list) => list.items.map(({ name }) => name);

test("a list goes on where its page ends, and knows its end", async () => {
  const { client, people, server } = await withPages({ "": page(["Ada", "Alan"], "a b"), "a b": page(["Grace"]) });
  await people.start(peopleNamed(" a&b "));
  assert.deepEqual([names(people), people.hasMore], [["Ada", "Alan"], true]);
  await people.more();
  await people.more();
  assert.deepEqual([names(people), people.hasMore], [["Ada", "Alan", "Grace"], false]);
  assert.deepEqual(server.requests.filter(({ name }) => name === USERS).map(({ search }) => search), ["?q=a%26b&limit=30", "?q=a%26b&limit=30&cursor=a%20b"]);
  assert.equal(client.people.users.get("Grace").name, "Grace");
});

test("empty pages are skipped, and not without end", async () => {
  const { people, server } = await withPages({ "": page([], "1"), 1: page([], "2"), 2: page(["Ada"], "3"), 3: page([], "3") });
  await people.start(peopleNamed("a"));
  assert.deepEqual([names(people), people.hasMore], [["Ada"], true]);
  const before = server.count(USERS);
  await people.more();
  assert.deepEqual([names(people), people.hasMore, people.isLoading], [["Ada"], true, false]);
  assert.equal(server.count(USERS) - before, 5);
});

test("a cursor that a server of another version does not read begins the list again", async () => {
  const { people, server } = await withPages({ "": page(["Ada", "Alan"], "old") });
  await people.start(peopleNamed("a"));
  server.answers[USERS] = ({ search }) => (search.includes("cursor=old")
    ? [422, { code: "invalid", errors: [{ field: "cursor", detail: "" }] }]
    : page(["Ada", "Alan", "Grace"], "new"));
  await people.more();
  assert.deepEqual([names(people), people.hasMore, people.problem, people.isLoading], [["Ada", "Alan", "Grace"], true, null, false]);
  server.answers[USERS] = () => [422, { code: "invalid", errors: [{ field: "cursor", detail: "" }] }];
  await people.more();
  assert.equal(people.problem.code, "invalid", "it begins again once");
});

test("an answer to an earlier search is ignored", async () => {
  const { people, server } = await withPages({});
  const waiting = [];
  server.answers[USERS] = () => new Promise((answer) => { waiting.push(answer); });
  const searches = [people.start(peopleNamed("g")), people.start(peopleNamed("a"))];
  while (waiting.length < 2) await settled();
  waiting[1](page(["Ada"]));
  await searches[1];
  waiting[0](page(["Grace"]));
  await searches[0];
  assert.deepEqual([names(people), people.isLoading], [["Ada"], false]);
});

test("a list that is cleared stays empty when its answer comes", async () => {
  const { people } = await withPages({ "": page(["Ada"]) });
  const search = people.start(peopleNamed("a"));
  people.clear();
  await search;
  assert.deepEqual([names(people), people.hasMore, people.isLoading], [[], false, false]);
});

test("a page that fails is asked for again, and keeps what is there", async () => {
  const pages = { "": page(["Ada"], "1"), 1: [503, { code: "busy", title: "Busy", retry_after_ms: 2000 }] };
  const { people } = await withPages(pages);
  await people.start(peopleNamed("a"));
  await people.more();
  assert.deepEqual([names(people), people.problem.code, people.problem.retryAfterMs, people.hasMore], [["Ada"], "busy", 2000, true]);
  pages[1] = page(["Grace"]);
  await people.more();
  assert.deepEqual([names(people), people.problem, people.hasMore], [["Ada", "Grace"], null, false]);
});

test("an excerpt is split at its ranges, in UTF-16 units", () => {
  const text = "…🦊 lunch, Lunch";
  const parts = foundParts(text, [[4, 9], [11, 16]]);
  assert.deepEqual(parts.map(({ text: part, isFound }) => (isFound ? `[${part}]` : part)), ["…🦊 ", "[lunch]", ", ", "[Lunch]"]);
  assert.deepEqual(foundParts("all", [[0, 3]]), [{ text: "all", isFound: true }]);
  assert.deepEqual(foundParts("", []), []);
});

test("messages are searched by what the user wrote", async () => {
  const { client, server } = await withPages({});
  server.answers["GET /v1/search"] = () => [200, { items: [{ message: { id: "m1" }, excerpt: "a", ranges: [] }], next: null }];
  const messages = client.search.messages(() => {});
  await messages.start(messagesWith('in:"lunch club" soup'));
  assert.equal(server.requests.at(-1).search, "?q=in%3A%22lunch%20club%22%20soup&limit=20");
  assert.equal(messages.items[0].message.id, "m1");
});

test("a new name is the client's at once, and after a reload", async () => {
  const browser = new FakeBrowser();
  browser.server.answers["PATCH /v1/users/me"] = ({ body }) => [200, { ...ADA, ...body, settings: { contact_from: "everyone" } }];
  const { client } = await browser.loggedIn({ isKept: true });
  const { settings } = await client.account.update({ name: "Countess" });
  assert.equal(settings.contact_from, "everyone");
  assert.deepEqual([client.user.name, client.people.users.get(ADA.id).name], ["Countess", "Countess"]);
  assert.equal(browser.open().client.user.name, "Countess");
});

test("blocked people are loaded once, and again after a failure", async () => {
  const browser = new FakeBrowser();
  const { answers } = browser.server;
  const { client } = await browser.loggedIn();
  answers["GET /v1/users/me/blocks"] = () => [503, { code: "unavailable", title: "Unavailable" }];
  await assert.rejects(client.account.loadBlocked());
  answers["GET /v1/users/me/blocks"] = () => [200, { items: [{ user: GRACE }], next: null }];
  await Promise.all([client.account.loadBlocked(), client.account.loadBlocked()]);
  assert.deepEqual([...client.account.blocked.keys()], [GRACE.id]);
  assert.equal(browser.server.count("GET /v1/users/me/blocks"), 2);
  answers[`DELETE /v1/users/${GRACE.id}/block`] = () => [204];
  await client.account.unblock(GRACE.id);
  assert.equal(client.account.blocked.size, 0);
});

test("the deletion of the account leaves nothing of the user in the browser", async () => {
  const browser = new FakeBrowser();
  browser.server.answers["DELETE /v1/users/me"] = ({ body }) => (body.password === "correct horse" ? [204] : [422, { code: "invalid", title: "Invalid" }]);
  const tab = await browser.loggedIn({ isKept: true });
  await assert.rejects(tab.client.account.delete("wrong"));
  assert.equal(tab.ended().length, 0);
  await tab.client.account.delete("correct horse");
  assert.deepEqual(tab.ended().map(({ reason, isWiped }) => [reason, isWiped]), [["Your account is deleted.", true]]);
  assert.equal(browser.local.length, 0);
});
