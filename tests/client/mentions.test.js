// Mentions: counted as they come, taken away by a read, and corrected by the server where this client cannot know.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const event = (seq, more, type = "message.new", eventSeq = seq) => ({
  type, conversation_id: "a", seq: eventSeq,
  message: { id: `a${seq}`, conversation_id: "a", seq, sender_id: GRACE.id, type: "text", content: "hi", timestamp: "2026-01-01T00:00:00Z", ...more },
});
const state = (read_seq, unread_count, mention_count, last_seq) =>
  ({ type: "conversation.state", conversation_id: "a", read_seq, unread_from_seq: null, unread_count, mention_count, last_seq });

async function withRoom({ blocked = [] } = {}) {
  const browser = new FakeBrowser();
  const room = { id: "a", type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 0, read_seq: 0, unread_count: 0, mention_count: 0 };
  browser.server.answers["GET /v1/conversations"] = () => [200, { items: [room], next: null }];
  browser.server.answers["GET /v1/conversations/a"] = () => [200, { ...room, last_seq: 9, unread_count: 5, mention_count: 4 }];
  browser.server.answers["GET /v1/users/me/blocks"] = () => [200, { items: blocked.map((user) => ({ user })), next: null }];
  browser.server.answers[`DELETE /v1/users/${GRACE.id}/block`] = () => [204];
  const { client } = await browser.loggedIn();
  await browser.clock.pass(10);
  const { socket } = browser.server;
  const tell = async (...frames) => {
    for (const frame of frames) await socket.tell(frame);
    await browser.clock.pass(10);
  };
  const count = () => client.conversations.get("a").mention_count;
  return { browser, client, tell, count };
}

test("mentions of the user are counted until they are read", async () => {
  const { client, tell, count } = await withRoom();
  await tell(event(1), event(2, { mentions: [GRACE.id] }), event(3, { mentions: [GRACE.id, ADA.id] }), event(4, { mentions_all: true }), event(4, { mentions_all: true }));
  assert.equal(count(), 2);
  await tell(event(5, { mentions: [ADA.id], type: "system" }));
  assert.equal(count(), 2);
  client.readState.markRead("a");
  assert.equal(count(), 0);
  await tell(event(6, { mentions: [ADA.id] }));
  assert.equal(count(), 1);
  await tell(event(7, { sender_id: ADA.id, mentions: [ADA.id] }));
  assert.equal(count(), 0, "one's own message reads what was before it");
});

test("the server's count is taken, and later mentions are added", async () => {
  const { tell, count } = await withRoom();
  await tell(state(0, 3, 2, 3), event(3, { mentions: [ADA.id] }), event(4, { mentions: [ADA.id] }));
  assert.equal(count(), 3);
});

test("a user who is blocked mentions without effect", async () => {
  const { browser, client, tell, count } = await withRoom({ blocked: [GRACE] });
  await tell(event(9, { mentions: [ADA.id] }));
  assert.equal(count(), 4, "the blocks were not loaded, so the server was asked");
  await tell(event(10, { mentions: [ADA.id] }), event(11, { mentions: [ADA.id], sender_id: "joan" }));
  assert.equal(count(), 5);
  assert.equal(browser.server.count("GET /v1/users/me/blocks"), 1);
  await client.account.unblock(GRACE.id);
  await tell(event(12, { mentions: [ADA.id] }));
  assert.equal(count(), 6);
});

test("a message that changes has the server count again, if a mention is unread", async () => {
  const { browser, tell, count } = await withRoom();
  await tell(event(1), event(1, { edited_at: "2026-01-01T00:00:01Z" }, "message.updated", 2));
  assert.equal(browser.server.count("GET /v1/conversations/a"), 0);
  await tell(event(3, { mentions: [ADA.id] }), event(3, { deleted_at: "2026-01-01T00:00:01Z" }, "message.deleted", 4));
  assert.equal(browser.server.count("GET /v1/conversations/a"), 1);
  assert.equal(count(), 4);
});

test("a message that changes without a pause makes the client ask once in two seconds, and once more at the end", async () => {
  const { browser, tell } = await withRoom();
  const asked = () => browser.server.count("GET /v1/conversations/a");
  await tell(event(1, { mentions: [ADA.id] }));
  const edit = (seq) => event(1, { mentions: [ADA.id], edited_at: `2026-01-01T00:00:${seq}Z` }, "message.updated", seq);
  for (let seq = 10; seq < 60; seq += 1) await tell(edit(seq));
  assert.equal(asked(), 1);
  await browser.clock.pass(2_000);
  assert.equal(asked(), 2);
  await browser.clock.pass(10_000);
  assert.equal(asked(), 2);
  await tell(edit(61));
  assert.equal(asked(), 3);
});
