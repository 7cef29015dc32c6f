// Receipts: the status of one's own messages, and who has read them.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const ROOM = "0198-room";
const ALAN = { id: "0198-alan" };
const message = (seq, more = {}) => ({ id: `m${seq}`, conversation_id: ROOM, seq, sender_id: ADA.id, type: "text", content: "hi", timestamp: "2026-01-01T00:00:00Z", status: "sent", ...more });
const event = (type, receipts) => ({ type, conversation_id: ROOM, receipts });
const receipt = (delivered_seq, read_seq) => ({ delivered_seq, read_seq });

async function inRoom(receipts) {
  const browser = new FakeBrowser();
  browser.server.answers[`GET /v1/conversations/${ROOM}/messages`] = () => [200, { items: [message(1), message(2)], has_more: false, last_seq: 2 }];
  const { client } = await browser.loggedIn();
  await client.open(ROOM);
  const { socket } = browser.server;
  await socket.tell({ type: "resumed", ref: "resume", conversation_id: ROOM, last_seq: 2, receipts });
  return { browser, client, socket, status: (seq) => client.receipts.statusOf(message(seq)) };
}

test("the status is the least of the other members'", async () => {
  const { socket, status } = await inRoom({ [ADA.id]: receipt(2, 2), [GRACE.id]: receipt(1, 1), [ALAN.id]: receipt(2, 0) });
  assert.deepEqual([status(1), status(2)], ["delivered", "sent"]);
  await socket.tell(event("message.delivered", { [GRACE.id]: receipt(2, 1) }));
  assert.deepEqual([status(1), status(2)], ["delivered", "delivered"]);
  await socket.tell(event("message.read", { [ALAN.id]: receipt(2, 1) }));
  assert.deepEqual([status(1), status(2)], ["read", "delivered"]);
});

test("a number never goes back, and whoever hides it is not known to have read", async () => {
  const { client, socket, status } = await inRoom({ [GRACE.id]: receipt(2, 2) });
  await socket.tell(event("message.read", { [GRACE.id]: receipt(1, 1) }));
  assert.equal(status(2), "read");
  await socket.tell(event("message.delivered", { [GRACE.id]: receipt(3, null) }));
  assert.equal(status(2), "delivered");
  assert.deepEqual(client.receipts.of(message(2)), { read: [], delivered: [GRACE.id], sent: [] });
});

test("an answer is a receipt; members come and go", async () => {
  const { client, socket, status } = await inRoom({ [GRACE.id]: receipt(0, 0) });
  await socket.tell({ type: "message.new", conversation_id: ROOM, seq: 3, message: message(3, { sender_id: GRACE.id }) });
  assert.equal(status(2), "read");
  await socket.tell({ type: "member.added", conversation_id: ROOM, seq: 4, member: { user: ALAN }, message: { id: "m4", conversation_id: ROOM, seq: 4, type: "system" } });
  assert.equal(status(2), "read", "he begins behind it");
  assert.equal(status(5), "sent");
  await socket.tell(event("message.read", { [GRACE.id]: receipt(5, 5) }));
  assert.deepEqual(client.receipts.of(message(5)), { read: [GRACE.id], delivered: [], sent: [ALAN.id] });
  await socket.tell({ type: "member.removed", conversation_id: ROOM, seq: 6, member: { user_id: ALAN.id }, message: { id: "m6", conversation_id: ROOM, seq: 6, type: "system" } });
  assert.equal(status(5), "read");
});

test("without receipts the status is what the server said", async () => {
  const { client, socket } = await inRoom(undefined);
  await socket.tell(event("message.read", { [GRACE.id]: receipt(2, 2) }));
  assert.equal(client.receipts.statusOf(message(2)), "sent", "one member is not all");
  assert.equal(client.receipts.statusOf(message(2, { status: "read" })), "read");
  assert.equal(client.receipts.of(message(2)), null);
});

test("what the list shows as new is received, once on each connection", async () => {
  const browser = new FakeBrowser();
  const item = (id, unread_count) => ({ id, type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 7, read_seq: 2, unread_count, last_message: message(6, { conversation_id: id, sender_id: GRACE.id }) });
  browser.server.answers["GET /v1/conversations"] = () => [200, { items: [item("a", 3), item("b", 0)], next: null }];
  const { client } = await browser.loggedIn();
  await browser.clock.pass(300);
  await client.list.load();
  await browser.clock.pass(300);
  const told = (socket) => socket.sentOf("message.delivered").map(({ conversation_id, seq }) => `${conversation_id} ${seq}`);
  assert.deepEqual(told(browser.server.socket), ["a 6"]);
});

test("whom the user blocks counts for no status, as on the server", async () => {
  const { browser, client, status, socket } = await inRoom({ [GRACE.id]: receipt(2, 2) });
  const blocked = [{ user: ALAN }];
  browser.server.answers["GET /v1/users/me/blocks"] = () => [200, { items: blocked, next: null }];
  browser.server.answers[`DELETE /v1/users/${ALAN.id}/block`] = () => [204];
  browser.server.answers[`PUT /v1/users/${ALAN.id}/block`] = () => [204];
  assert.equal(browser.server.count("GET /v1/users/me/blocks"), 0, "all show what they read, so nobody is blocked");
  await socket.tell({ type: "resumed", ref: "resume", conversation_id: ROOM, last_seq: 2, receipts: { [GRACE.id]: receipt(2, 2), [ALAN.id]: receipt(0, null) } });
  await browser.clock.pass(10);
  assert.equal(status(2), "read");
  await client.account.unblock(ALAN.id);
  assert.equal(status(2), "sent");
  await client.account.block(ALAN);
  assert.equal(status(2), "read");
});
