// Typing: who types, for how long, and how often it is said.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { GRACE } from "./support/server.js";

async function online() {
  const browser = new FakeBrowser();
  const { client } = await browser.loggedIn();
  const said = () => browser.server.socket.sent.filter(({ type }) => type.startsWith("typing.")).map(({ type, conversation_id }) => `${type.slice(7)} ${conversation_id}`);
  return { browser, client, socket: browser.server.socket, said };
}

test("typing ends by itself, by a stop, and by a message", async () => {
  const { browser, client, socket } = await online();
  const start = () => socket.tell({ type: "typing.start", conversation_id: "a", user_id: GRACE.id });
  await start();
  assert.deepEqual(client.typing.in("a"), [GRACE.id]);
  assert.deepEqual(client.typing.in("b"), []);
  await browser.clock.pass(3_000);
  await start();
  await browser.clock.pass(5_999);
  assert.deepEqual(client.typing.in("a"), [GRACE.id], "it was said again");
  await browser.clock.pass(1);
  assert.deepEqual(client.typing.in("a"), []);
  await start();
  await socket.tell({ type: "typing.stop", conversation_id: "a", user_id: GRACE.id });
  assert.deepEqual(client.typing.in("a"), []);
  await start();
  await socket.tell({ type: "message.new", conversation_id: "a", seq: 1, message: { id: "m", conversation_id: "a", seq: 1, sender_id: GRACE.id, type: "text", content: "hi" } });
  assert.deepEqual(client.typing.in("a"), []);
});

test("a lost connection leaves nobody typing", async () => {
  const { client, socket } = await online();
  await socket.tell({ type: "typing.start", conversation_id: "a", user_id: GRACE.id });
  await socket.close(1012);
  assert.deepEqual(client.typing.in("a"), []);
});

test("the user's typing is said at its start, again after a while, and at its end", async () => {
  const { browser, client, said } = await online();
  for (let key = 0; key < 5; key += 1) client.typing.note("a");
  assert.deepEqual(said(), ["start a"]);
  await browser.clock.pass(3_000);
  client.typing.note("a");
  client.typing.note("b");
  assert.deepEqual(said(), ["start a", "start a", "stop a", "start b"]);
  client.typing.done("b");
  client.typing.done("b");
  assert.deepEqual(said(), ["start a", "start a", "stop a", "start b", "stop b"]);
  client.typing.note("b");
  await browser.clock.pass(6_000);
  client.typing.done("b");
  assert.deepEqual(said().slice(5), ["start b"], "it has ended by itself");
});
