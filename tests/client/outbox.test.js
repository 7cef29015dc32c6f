// Unsent messages: when they are repeated, when they fail, and what becomes of them when a tab, a session or a login ends.

import assert from "node:assert/strict";
import test from "node:test";

import { settled } from "./support/clock.js";
import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const ROOM = "0198-room";
const sends = (socket) => socket.sentOf("message.send").map(({ content }) => content);
const waiting = ({ client }) => client.outbox.in(ROOM).map(({ content, state }) => `${content} ${state}`);
const outboxKeys = (storage) => Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter((key) => key.includes("outbox"));
const refusal = (ref, code, more = {}) => ({ type: "error", ref, code, status: 400, ...more });

const acknowledge = (socket, { id, content }, seq = 1) => socket.tell({
  type: "message.new", conversation_id: ROOM, seq,
  message: { id, conversation_id: ROOM, seq, sender_id: ADA.id, type: "text", content, timestamp: "2026-01-01T00:00:00Z" },
});

test("a message is sent once, with an id of the client, and settled by its own event", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const message = tab.client.send(ROOM, "hello", { replyTo: { id: "0198-other", quote: { seq: 1, sender_id: GRACE.id, type: "text", content: "quoted" } } });
  assert.deepEqual(browser.server.socket.sentOf("message.send"), [
    { type: "message.send", ref: message.id, conversation_id: ROOM, id: message.id, content: "hello", reply_to: "0198-other" }]);
  assert.deepEqual(waiting(tab), ["hello pending"]);
  await acknowledge(browser.server.socket, message);
  assert.deepEqual(waiting(tab), []);
  assert.deepEqual(tab.events.filter(({ type }) => type === "sent").map((event) => event.message.id), [message.id]);
  assert.deepEqual(outboxKeys(tab.session), []);
});

test("what is written without a connection is sent by the next one, in order and with the same ids", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const first = tab.client.send(ROOM, "one"); // its acknowledgement is lost
  await browser.server.socket.close(1006);
  tab.client.send(ROOM, "two");
  tab.client.send(ROOM, "three");
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  assert.deepEqual(sends(browser.server.socket), ["one", "two", "three"]);
  assert.equal(browser.server.socket.sentOf("message.send")[0].id, first.id);
});

test("a late acknowledgement is said, and the connection is asked for a sign of life", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const { socket } = browser.server;
  const message = tab.client.send(ROOM, "hello");
  await browser.clock.pass(4_999);
  assert.equal(message.late, undefined);
  await browser.clock.pass(1);
  assert.equal(message.late, true);
  assert.equal(socket.sentOf("ping").length, 1);
  // The server lives: the message is repeated after a while, and does not fail.
  await socket.tell({ type: "pong" });
  await browser.clock.pass(15_000);
  assert.deepEqual(sends(socket), ["hello", "hello"]);
  assert.deepEqual(waiting(tab), ["hello pending"]);
});

test("a server that is frozen is left for a new connection, which sends again", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  tab.client.send(ROOM, "hello");
  await browser.clock.pass(15_000);
  assert.equal(tab.client.connection.status.state, "waiting");
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  assert.deepEqual(sends(browser.server.socket), ["hello"]);
});

test("the one message that the server refuses fails, and the others go on", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const { socket } = browser.server;
  const [one, two, three] = ["one", "two", "three"].map((content) => tab.client.send(ROOM, content));
  await acknowledge(socket, one);
  await socket.tell(refusal(two.id, "forbidden", { detail: "This user does not accept this." }));
  await acknowledge(socket, three, 2);
  assert.deepEqual(waiting(tab), ["two failed"]);
  assert.equal(tab.client.outbox.in(ROOM)[0].reason, "This user does not accept this.");
  assert.deepEqual(tab.events.filter(({ type }) => type === "failed").map((event) => event.message.id), [two.id]);
  tab.client.outbox.retry(two.id);
  assert.deepEqual(sends(socket), ["one", "two", "three", "two"]);
  await socket.tell(refusal(two.id, "id_taken"));
  tab.client.outbox.retry(two.id);
  assert.notEqual(socket.sent.at(-1).id, socket.sent.at(-2).id, "another user has the id");
});

for (const code of ["rate_limited", "busy", "unavailable"]) {
  test(`after ${code} the messages are sent one by one, when the server said`, async () => {
    const browser = new FakeBrowser();
    const tab = await browser.loggedIn();
    const { socket } = browser.server;
    const [one, two] = ["one", "two"].map((content) => tab.client.send(ROOM, content));
    await socket.tell(refusal(one.id, code, { retry_after_ms: 2_000, retryable: true }));
    await socket.tell(refusal(two.id, code, { retry_after_ms: 2_000, retryable: true }));
    tab.client.send(ROOM, "three");
    assert.ok(tab.client.outbox.isSlowed);
    await browser.clock.pass(1_999);
    assert.deepEqual(sends(socket), ["one", "two"]);
    await browser.clock.pass(1);
    assert.deepEqual(sends(socket), ["one", "two", "one"]);
    await acknowledge(socket, one, 1);
    await acknowledge(socket, two, 2);
    assert.deepEqual(sends(socket), ["one", "two", "one", "two", "three"]);
    await acknowledge(socket, tab.client.outbox.in(ROOM)[0], 3);
    assert.ok(!tab.client.outbox.isSlowed);
  });
}

test("a draining server fails no message", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const message = tab.client.send(ROOM, "hello");
  await browser.server.socket.tell(refusal(message.id, "draining"));
  assert.deepEqual(waiting(tab), ["hello pending"]);
});

test("a frame that is too big fails the longest message alone", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const refused = tab.client.send(ROOM, "longer than all the others, but refused already");
  await browser.server.socket.tell(refusal(refused.id, "forbidden"));
  tab.client.outbox.in(ROOM)[0].reason = "before";
  for (const content of ["short", "the longest of them", "also short"]) tab.client.send(ROOM, content);
  await browser.server.socket.close(1009);
  assert.deepEqual(waiting(tab).slice(1), ["short pending", "the longest of them failed", "also short pending"]);
  assert.equal(refused.reason, "before");
});

test("a hundred messages wait, and no more", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  for (let count = 0; count < 100; count += 1) assert.ok(tab.client.send(ROOM, "x"));
  assert.equal(tab.client.send(ROOM, "x"), null);
});

test("a reload takes over what was unsent, whether the login is kept or not", async () => {
  for (const isKept of [true, false]) {
    const browser = new FakeBrowser();
    const tab = await browser.loggedIn({ isKept });
    await browser.server.socket.close(1006);
    tab.client.send(ROOM, "hello");
    await tab.close();
    const again = browser.open(tab.session);
    again.client.start();
    await browser.clock.pass(0);
    assert.deepEqual(waiting(again), ["hello pending"]);
    await browser.server.socket.hello();
    assert.deepEqual(sends(browser.server.socket), ["hello"]);
  }
});

test("a living tab sends its own, and another takes over a dead one's", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  const other = browser.open();
  other.client.start();
  await browser.clock.pass(0);
  await browser.server.socket.hello();
  const [own, others] = browser.server.sockets;
  const message = tab.client.send(ROOM, "hello");
  await browser.clock.pass(8_000);
  assert.deepEqual([sends(own), sends(others)], [["hello"], []]);
  await tab.close();
  await browser.clock.pass(5_000);
  assert.deepEqual(others.sentOf("message.send").map(({ id }) => id), [message.id]);
  assert.deepEqual(waiting(other), ["hello pending"]);
  await acknowledge(others, message);
  assert.deepEqual(outboxKeys(browser.local), []);
});

test("without Web Locks a tab is dead when it has not written for three minutes", async () => {
  const browser = new FakeBrowser({ isSecure: false });
  const tab = await browser.loggedIn({ isKept: true });
  tab.client.send(ROOM, "hello");
  const other = browser.open();
  other.client.start();
  const passSeconds = async (seconds) => {
    for (let second = 0; second < seconds; second += 5) {
      await browser.clock.pass(5_000);
      for (const socket of browser.server.sockets) await socket.tell({ type: "pong" });
    }
  };
  await passSeconds(300);
  assert.deepEqual(waiting(other), [], "the tab lives");
  await tab.close();
  await passSeconds(175);
  assert.deepEqual(waiting(other), []);
  await passSeconds(10);
  assert.deepEqual(waiting(other), ["hello pending"]);
});

test("unsent messages and drafts survive an expired session, for the same user alone", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  await browser.server.socket.close(1006);
  tab.client.send(ROOM, "hello");
  tab.client.drafts.set(ROOM, "half a sent");
  browser.server.answers["POST /v1/users/refresh"] = () => [401, { code: "unauthorized" }];
  browser.server.answers["GET /v1/users/me"] = () => [401, { code: "token_expired" }];
  await assert.rejects(tab.client.rest.get("/v1/users/me"));
  assert.deepEqual(tab.ended().map(({ isWiped }) => isWiped), [false]);
  assert.deepEqual([waiting(tab), tab.client.drafts.get(ROOM)], [[], ""], "nothing is shown any more");
  await tab.close();

  browser.server.answers["POST /v1/users/login"] = () => [200, browser.server.tokens(GRACE)];
  const grace = browser.open();
  await grace.client.login("grace", "battery staple", { isKept: true });
  await browser.clock.pass(60_000);
  assert.deepEqual([waiting(grace), grace.client.drafts.get(ROOM)], [[], ""]);
  await grace.client.logout();

  browser.server.answers["POST /v1/users/login"] = () => [200, browser.server.tokens(ADA)];
  const ada = browser.open();
  await ada.client.login("ada", "correct horse");
  await browser.clock.pass(0);
  assert.deepEqual([waiting(ada), ada.client.drafts.get(ROOM)], [["hello pending"], "half a sent"]);
});

for (const [how, end] of [
  ["a logout", ({ client }) => client.logout()],
  ["4504", (tab, server) => server.socket.close(4504)],
  ["a call that is refused because the session has ended", async ({ client }, { answers }) => {
    answers["GET /v1/users/me"] = () => [401, { code: "session_ended" }];
    await assert.rejects(client.rest.get("/v1/users/me"));
  }],
]) {
  test(`${how} leaves nothing of the user behind, in any tab`, async () => {
    const browser = new FakeBrowser();
    const tab = await browser.loggedIn({ isKept: true });
    browser.server.answers[`GET /v1/conversations/${ROOM}/messages`] = () => [200, { items: [], has_more: false, last_seq: 0 }];
    tab.client.conversations.learn({ id: ROOM, type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 0 });
    await tab.client.open(ROOM);
    const other = browser.open();
    other.client.start();
    other.client.send(ROOM, "from the other tab");
    tab.client.send(ROOM, "hello");
    tab.client.drafts.set(ROOM, "half a sent");
    await end(tab, { answers: browser.server.answers, socket: browser.server.sockets[0] });
    for (let turn = 0; turn < 5; turn += 1) await settled();
    for (const { client } of [tab, other]) {
      assert.equal(client.user, null);
      assert.deepEqual([client.conversations.size, client.people.users.size, client.history.timelines.size, client.outbox.size], [0, 0, 0, 0]);
    }
    assert.deepEqual([browser.local.length, tab.session.length], [0, 0]);
    assert.deepEqual([tab.ended().length, other.ended().length], [1, 1]);
  });
}

test("messages of a login that is not kept are not safe, since they end with the tab", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  assert.ok(tab.client.outbox.isSafe);
  tab.client.send(ROOM, "hello");
  assert.equal(tab.client.outbox.isSafe, false);
});

test("with a full storage messages are sent all the same, and the client says that they are not safe", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  tab.client.send(ROOM, "safe");
  assert.ok(tab.client.outbox.isSafe);
  browser.local.setItem = () => { throw new Error("QuotaExceededError"); };
  tab.client.send(ROOM, "hello");
  tab.client.drafts.set(ROOM, "half a sent");
  assert.equal(tab.client.outbox.isSafe, false);
  assert.equal(tab.client.drafts.get(ROOM), "half a sent");
  assert.deepEqual(sends(browser.server.socket), ["safe", "hello"]);
});

test("the messages of a conversation that is lost are lost with it", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  tab.client.conversations.learn({ id: ROOM, type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 0 });
  tab.client.send(ROOM, "hello");
  tab.client.drafts.set(ROOM, "half a sent");
  await browser.server.socket.tell({ type: "conversation.deleted", conversation_id: ROOM, conversation: null, membership_version: 2 });
  assert.deepEqual([waiting(tab), tab.client.drafts.get(ROOM)], [[], ""]);
});
