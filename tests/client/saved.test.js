// Saved messages: a list that all devices of the user share.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { GRACE } from "./support/server.js";

const message = (number, more) => ({
  id: `m${number}`, conversation_id: "a", seq: number, sender_id: GRACE.id, type: "text", content: `text ${number}`, timestamp: "2026-01-01T00:00:00Z", ...more,
});
const item = (number) => ({ conversation_id: "a", message_id: `m${number}`, saved_at: "2026-01-02T00:00:00Z", message: message(number) });
const PATH = (number) => `/v1/conversations/a/messages/m${number}/saved`;

async function withSaved(...numbers) {
  const browser = new FakeBrowser();
  const room = { id: "a", type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 9, read_seq: 9, unread_count: 0 };
  const kept = { items: numbers.map(item), next: null };
  browser.server.answers["GET /v1/conversations"] = () => [200, { items: [room], next: null }];
  browser.server.answers["GET /v1/users/me/saved"] = ({ search }) => [200, search.includes("cursor") ? { items: [item(8), item(9)], next: null } : structuredClone(kept)];
  for (const number of [1, 2, 3]) {
    browser.server.answers[`PUT ${PATH(number)}`] = () => [204];
    browser.server.answers[`DELETE ${PATH(number)}`] = () => [204];
  }
  const { client } = await browser.loggedIn();
  await browser.clock.pass(10);
  const ids = () => client.saved.items.map(({ message_id }) => message_id);
  return { browser, client, kept, ids, socket: browser.server.socket };
}

test("a message is saved and unsaved", async () => {
  const { browser, client, ids, socket } = await withSaved(1);
  await client.saved.load();
  await client.saved.save(message(2));
  await socket.tell({ type: "message.saved", conversation_id: "a", message_id: "m2", saved_at: "2026-01-03T00:00:00Z" });
  assert.deepEqual(ids(), ["m2", "m1"]);
  assert.equal(client.saved.items[0].saved_at, "2026-01-03T00:00:00Z");
  assert.equal(browser.server.count("GET /v1/users/me/saved"), 1, "it is known already");
  assert.deepEqual([client.saved.has("a", "m2"), client.saved.has("b", "m2")], [true, false]);
  await client.saved.unsave("a", "m1");
  assert.deepEqual(ids(), ["m2"]);
  browser.server.answers[`PUT ${PATH(3)}`] = () => [422, { code: "invalid" }];
  await assert.rejects(client.saved.save(message(3)), { code: "invalid" });
  assert.deepEqual(ids(), ["m2"]);
});

test("another device is followed", async () => {
  const { browser, client, kept, ids, socket } = await withSaved(1);
  const saved = { type: "message.saved", conversation_id: "a", message_id: "m2", saved_at: "2026-01-03T00:00:00Z" };
  await socket.tell(saved);
  assert.equal(browser.server.count("GET /v1/users/me/saved"), 0, "nobody has looked at the list");
  await client.saved.load();
  kept.items.unshift(item(2));
  await socket.tell(saved);
  await browser.clock.pass(10);
  assert.deepEqual(ids(), ["m2", "m1"]);
  await socket.tell({ type: "message.unsaved", conversation_id: "a", message_id: "m1" });
  assert.deepEqual(ids(), ["m2"]);
});

test("the list shows messages as they are now", async () => {
  const { client, socket } = await withSaved(1, 2);
  await client.saved.load();
  const changed = (type, seq, now) => socket.tell({ type, conversation_id: "a", seq, message: now });
  await changed("message.updated", 10, message(1, { content: "new", edited_at: "2026-01-03T00:00:00Z" }));
  await changed("message.deleted", 11, message(2, { content: "", deleted_at: "2026-01-03T00:00:00Z" }));
  assert.deepEqual(client.saved.items.map((one) => one.message?.content), ["new", undefined]);
  client.lose("a");
  assert.deepEqual(client.saved.items.map((one) => one.message), [null, null]);
  assert.equal(client.saved.items.length, 2);
});

test("the list is loaded in pages, and again with each connection", async () => {
  const { browser, client, kept, ids, socket } = await withSaved(1);
  kept.next = "more";
  await client.saved.load();
  await client.saved.loadMore();
  await client.saved.loadMore();
  assert.deepEqual(ids(), ["m1", "m8", "m9"]);
  kept.items = [item(3)];
  await socket.close(1012);
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  await browser.clock.pass(10);
  assert.deepEqual(ids(), ["m3"]);
  await client.logout();
  assert.deepEqual([ids(), client.saved.isLoaded], [[], false]);
});
