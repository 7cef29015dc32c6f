// The read state: receipts, also for a server that does not know them.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const receipts = (socket) => socket.sentOf("message.read").map(({ conversation_id, seq }) => `${conversation_id} ${seq}`);
const refusal = { type: "error", ref: "read", status: 400, code: "malformed" };

/** A tab of Ada with three conversations, each with one message that she has not read. */
async function withUnread() {
  const browser = new FakeBrowser();
  const items = ["a", "b", "c"].map((id) => ({ id, type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 1, unread_count: 1 }));
  browser.server.answers["GET /v1/conversations"] = () => [200, { items, next: null }];
  const { client } = await browser.loggedIn();
  await browser.clock.pass(10);
  const unread = () => client.conversations.sorted().map((conversation) => conversation.unread_count);
  return { browser, client, socket: browser.server.socket, unread };
}

test("a receipt is sent once, and the others wait for the answer to the first", async () => {
  const { client, socket, unread } = await withUnread();
  for (const id of ["a", "b", "a"]) client.readState.markRead(id);
  assert.deepEqual(unread(), [0, 0, 1]);
  assert.deepEqual(receipts(socket), ["a 1"]);
  await socket.tell({ type: "pong", ref: "read" });
  assert.deepEqual(receipts(socket), ["a 1", "b 1"]);
  client.readState.markRead("c");
  assert.deepEqual(receipts(socket), ["a 1", "b 1", "c 1"]);
});

test("a server that does not know receipts is asked once a connection", async () => {
  const { browser, client, socket } = await withUnread();
  client.readState.markRead("a");
  client.readState.markRead("b");
  await socket.tell(refusal);
  await socket.tell({ type: "pong", ref: "read" });
  client.readState.markRead("c");
  assert.deepEqual(receipts(socket), ["a 1"]);
  await socket.close(1012);
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  await browser.clock.pass(10); // the server's list shows them as unread
  client.readState.markRead("c");
  assert.deepEqual(receipts(browser.server.socket), ["c 1"]);
});

test("what the user reads on another device is read here, as far as it goes", async () => {
  const { socket, unread } = await withUnread();
  await socket.tell({ type: "message.read", conversation_id: "a", user_id: ADA.id, up_to_seq: 0 });
  await socket.tell({ type: "message.read", conversation_id: "b", user_id: GRACE.id, up_to_seq: 1 });
  assert.deepEqual(unread(), [1, 1, 1]);
  await socket.tell({ type: "message.read", conversation_id: "a", user_id: ADA.id, up_to_seq: 1 });
  assert.deepEqual(unread(), [0, 1, 1]);
});
