// The read state: what the user has read and the device has received, told and heard.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const GATHER = 250;
const told = (type) => (socket) => socket.sentOf(type).map(({ conversation_id, seq }) => `${conversation_id} ${seq}`);
const [reads, deliveries] = [told("message.read"), told("message.delivered")];
const state = (conversation_id, read_seq, unread_count, last_seq, unread_from_seq = null) =>
  ({ type: "conversation.state", conversation_id, read_seq, unread_from_seq, unread_count, mention_count: 0, last_seq });
const event = (conversation_id, seq, sender_id = GRACE.id) => ({
  type: "message.new", conversation_id, seq,
  message: { id: `${conversation_id}${seq}`, conversation_id, seq, sender_id, type: "text", content: "hi", timestamp: "2026-01-01T00:00:00Z" },
});

/** A tab of Ada with three conversations, each with one message that she has not read. */
async function withUnread() {
  const browser = new FakeBrowser();
  const items = ["a", "b", "c"].map((id) => ({ id, type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 1, read_seq: 0, unread_count: 1 }));
  browser.server.answers["GET /v1/conversations"] = () => [200, { items, next: null }];
  for (const item of items) browser.server.answers[`GET /v1/conversations/${item.id}`] = () => [200, { ...item, last_seq: 3, unread_count: 7 }];
  const { client } = await browser.loggedIn();
  await browser.clock.pass(10);
  const unread = () => ["a", "b", "c"].map((id) => client.conversations.get(id).unread_count);
  return { browser, client, socket: browser.server.socket, unread };
}

test("reads are gathered, one frame for each conversation", async () => {
  const { browser, client, socket, unread } = await withUnread();
  for (const id of ["a", "b", "a"]) client.readState.markRead(id);
  assert.deepEqual(unread(), [0, 0, 1]);
  await socket.tell(event("a", 2));
  client.readState.markRead("a");
  assert.deepEqual(reads(socket), []);
  await browser.clock.pass(GATHER);
  assert.deepEqual(reads(socket), ["a 2", "b 1"]);
  assert.deepEqual(deliveries(socket), [], "what is read is received");
});

test("what the server has not confirmed is said again on the next connection", async () => {
  const { browser, client, socket } = await withUnread();
  for (const id of ["a", "b"]) client.readState.markRead(id);
  await browser.clock.pass(GATHER);
  await socket.tell(state("a", 1, 0, 1));
  await socket.close(1012);
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  assert.deepEqual(reads(browser.server.socket), ["b 1"]);
});

test("what comes is acknowledged as received, and the newest number counts", async () => {
  const { browser, socket } = await withUnread();
  for (const seq of [2, 3]) await socket.tell(event("a", seq));
  await socket.tell(event("b", 2, ADA.id));
  await browser.clock.pass(GATHER);
  assert.deepEqual(deliveries(socket), ["a 3"], "one's own message needs none");
});

test("what the user reads on another device is read here", async () => {
  const { client, socket, unread } = await withUnread();
  await socket.tell(state("a", 1, 0, 1));
  assert.deepEqual(unread(), [0, 1, 1]);
  await socket.tell(state("a", 0, 1, 1, 1));
  assert.deepEqual([unread(), client.conversations.get("a").unread_from_seq], [[1, 1, 1], 1]);
});

test("a count never drifts, whichever of the state and the message comes first", async () => {
  const { browser, client, socket, unread } = await withUnread();
  await socket.tell(state("a", 1, 1, 2)); // it counts a message that has not come yet
  await socket.tell(event("a", 2));
  assert.deepEqual(unread(), [1, 1, 1]);
  for (const seq of [2, 3]) await socket.tell(event("b", seq));
  await socket.tell(state("b", 1, 1, 2)); // it is older than what this client has, so the server is asked
  await browser.clock.pass(10);
  assert.deepEqual(unread(), [1, 7, 1]);
  await socket.tell(event("c", 2));
  client.readState.markRead("c");
  await socket.tell(state("c", 1, 1, 2)); // a later read of this device is on its way
  assert.deepEqual(unread(), [1, 7, 0]);
});

test("a mark of unread messages goes back", async () => {
  const { browser, client, socket, unread } = await withUnread();
  client.readState.markRead("a");
  client.readState.markUnread("a", 1);
  await browser.clock.pass(GATHER);
  assert.deepEqual(reads(socket), [], "the read before it does not undo it");
  assert.deepEqual(told("message.unread")(socket), ["a 1"]);
  await socket.tell(state("a", 1, 1, 1, 1));
  assert.deepEqual(unread(), [1, 1, 1]);
  client.readState.markRead("a");
  await browser.clock.pass(GATHER);
  assert.deepEqual(reads(socket), ["a 1"]);
});

test("a read that is refused for a while is said again", async () => {
  const { browser, client, socket } = await withUnread();
  client.readState.markRead("a");
  await browser.clock.pass(GATHER);
  await socket.tell({ type: "error", ref: "read", conversation_id: "a", status: 429, code: "rate_limited", retryable: true, retry_after_ms: 2_000 });
  await browser.clock.pass(1_999);
  assert.deepEqual(reads(socket), ["a 1"]);
  await browser.clock.pass(1);
  assert.deepEqual(reads(socket), ["a 1", "a 1"]);
});
