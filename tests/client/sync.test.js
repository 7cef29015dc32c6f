// The data: what events, gaps, heartbeats and restored backups make of it.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const ROOM = "0198-room";
const message = (seq, more = {}) => ({
  id: `m${seq}`, conversation_id: ROOM, seq, sender_id: GRACE.id, type: "text", content: `text ${seq}`,
  timestamp: new Date(1_700_000_000_000 + seq * 1000).toISOString(), edited_at: null, deleted_at: null, ...more,
});
const event = (seq, more = {}) => ({ type: "message.new", conversation_id: ROOM, seq, message: message(seq), ...more });
const room = (last_seq, more = {}) => ({
  id: ROOM, type: "direct", created_at: "2026-01-01T00:00:00Z", last_seq, peer: GRACE,
  last_message: last_seq ? message(last_seq) : null, read_seq: 0, unread_count: 0, ...more,
});

/** A tab of Ada with the room open, in which the server has messages 1 to `count`. */
async function inRoom(count) {
  const browser = new FakeBrowser();
  const { answers } = browser.server;
  const items = Array.from({ length: count }, (_, index) => message(index + 1));
  answers["GET /v1/conversations"] = () => [200, { items: [room(count)], next: null }];
  answers[`GET /v1/conversations/${ROOM}`] = () => [200, room(count)];
  answers[`GET /v1/conversations/${ROOM}/messages`] = () => [200, { items, has_more: false, last_seq: count }];
  const tab = await browser.loggedIn();
  await browser.clock.pass(10);
  await tab.client.open(ROOM);
  await browser.server.socket.tell({ type: "resumed", ref: "resume", conversation_id: ROOM, last_seq: count });
  const shown = () => tab.client.history.get(ROOM)?.messages.map(({ content }) => content);
  return { browser, server: browser.server, socket: browser.server.socket, tab, client: tab.client, shown };
}

const resumes = (socket) => socket.sentOf("resume").map(({ conversations }) => conversations[ROOM]);

test("an opened conversation is resumed from its last event, by number and id", async () => {
  const { socket, shown } = await inRoom(2);
  assert.deepEqual(shown(), ["text 1", "text 2"]);
  assert.deepEqual(resumes(socket), [{ seq: 2, id: "m2" }]);
});

test("a conversation that is opened again is not loaded again, which would leave a gap", async () => {
  const { client, server } = await inRoom(2);
  await client.open(ROOM);
  assert.equal(server.count(`GET /v1/conversations/${ROOM}/messages`), 1);
});

test("events in order need no request", async () => {
  const { browser, client, socket, tab, shown } = await inRoom(1);
  const before = browser.server.requests.length;
  await socket.tell(event(2));
  await socket.tell(event(3));
  assert.deepEqual(shown(), ["text 1", "text 2", "text 3"]);
  assert.equal(resumes(socket).length, 1);
  assert.equal(browser.server.requests.length, before);
  assert.deepEqual(tab.events.filter(({ type }) => type === "message").map((one) => one.message.seq), [2, 3]);
  const conversation = client.conversations.get(ROOM);
  assert.deepEqual([conversation.last_seq, conversation.unread_count, conversation.last_message.seq], [3, 2, 3]);
});

test("a number that is missing is asked for once, and what comes twice is shown once", async () => {
  const { socket, tab, shown } = await inRoom(1);
  await socket.tell(event(3));
  await socket.tell(event(4));
  assert.deepEqual(resumes(socket), [{ seq: 1, id: "m1" }, { seq: 1, id: "m1" }]);
  for (const seq of [2, 3, 4]) await socket.tell(event(seq));
  await socket.tell({ type: "resumed", conversation_id: ROOM, last_seq: 4 });
  assert.deepEqual(shown(), ["text 1", "text 2", "text 3", "text 4"]);
  assert.deepEqual(tab.events.filter(({ type }) => type === "message").map((one) => one.message.seq), [3, 4, 2]);
  await socket.tell(event(5));
  assert.equal(resumes(socket).length, 2);
});

test("a message that an answer shows before its event arrives is announced at its event, once", async () => {
  const { client, server, socket, tab } = await inRoom(1);
  const announced = () => tab.events.filter(({ type }) => type === "message").map((one) => one.message.seq);
  const page = (count) => ({ items: Array.from({ length: count }, (_, index) => message(index + 1)), has_more: false, last_seq: count });
  server.answers[`GET /v1/conversations/${ROOM}/messages`] = () => [200, page(2)];
  await client.history.loadNewest(ROOM);
  assert.deepEqual(announced(), []);
  await socket.tell(event(2));
  await socket.tell(event(2));
  assert.deepEqual(announced(), [2]);

  client.history.forget(ROOM);
  server.answers["GET /v1/conversations"] = () => [200, { items: [room(3, { unread_count: 2 })], next: null }];
  await client.list.load();
  await socket.tell(event(3));
  await socket.tell(event(3));
  assert.deepEqual(announced(), [2, 3]);
  assert.equal(client.conversations.get(ROOM).unread_count, 2, "the server has counted it");
});

test("a heartbeat shows what is missing at the end", async () => {
  const { socket } = await inRoom(2);
  await socket.tell({ type: "heartbeat", heads: { [ROOM]: 2 }, membership_version: 1 });
  assert.equal(resumes(socket).length, 1);
  await socket.tell({ type: "heartbeat", heads: { [ROOM]: 4 }, membership_version: 1 });
  assert.equal(resumes(socket).length, 2);
  await socket.tell({ type: "heartbeat", heads: { [ROOM]: 5 }, membership_version: 1 });
  assert.equal(resumes(socket).length, 2, "one is under way");
});

test("a membership version that is missing brings the list of conversations", async () => {
  const { server, socket } = await inRoom(1);
  const before = server.count("GET /v1/conversations");
  await socket.tell({ type: "heartbeat", heads: {}, membership_version: 1 });
  assert.equal(server.count("GET /v1/conversations"), before);
  await socket.tell({ type: "heartbeat", heads: {}, membership_version: 2 });
  await socket.tell({ type: "heartbeat", heads: {}, membership_version: 2 });
  assert.equal(server.count("GET /v1/conversations"), before + 1);
});

test("a new connection resumes where the old one ended; without a message there, by the number alone", async () => {
  const { browser, client, socket } = await inRoom(1);
  await socket.tell(event(2));
  await socket.tell({ type: "future.kind", conversation_id: ROOM, seq: 3 }); // a kind that the client does not know
  assert.equal(client.conversations.get(ROOM).last_seq, 3);
  await socket.close(1006);
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  assert.deepEqual(resumes(browser.server.socket), [3]);
});

test("a resume that the server takes not now is repeated when it says", async () => {
  const { browser, socket } = await inRoom(1);
  await socket.tell(event(3));
  await socket.tell({ type: "error", ref: "resume", status: 429, code: "rate_limited", retryable: true, retry_after_ms: 2_000 });
  await browser.clock.pass(1_999);
  assert.equal(resumes(socket).length, 2);
  await browser.clock.pass(1);
  assert.equal(resumes(socket).length, 3);
});

test("resync starts over from history, also where its numbers are lower", async () => {
  const { browser, server, socket, client, shown } = await inRoom(3);
  server.answers[`GET /v1/conversations/${ROOM}`] = () => [200, room(1)];
  const restored = { items: [message(1, { id: "other", content: "restored" })], has_more: false, last_seq: 1 };
  server.answers[`GET /v1/conversations/${ROOM}/messages`] = () => [200, restored];
  await socket.tell({ type: "error", ref: "resume", status: 409, code: "resync", conversation_id: ROOM });
  await browser.clock.pass(10);
  assert.deepEqual(shown(), ["restored"]);
  assert.equal(client.conversations.get(ROOM).last_seq, 1);
  assert.deepEqual(resumes(socket).at(-1), { seq: 1, id: "other" });
});

test("edits and deletions are applied in any order, the newest state wins", async () => {
  const { socket, shown } = await inRoom(1);
  const edited = (seq, content, edited_at) => ({ ...event(seq, { type: "message.updated" }), message: message(1, { content, edited_at }) });
  await socket.tell(edited(3, "newer", "2026-01-01T00:00:02Z"));
  await socket.tell(edited(2, "older", "2026-01-01T00:00:01Z"));
  assert.deepEqual(shown(), ["newer"]);
  await socket.tell({ ...event(4, { type: "message.deleted" }), message: message(1, { content: "", deleted_at: "2026-01-01T00:00:03Z" }) });
  await socket.tell(edited(3, "newer", "2026-01-01T00:00:02Z"));
  assert.deepEqual(shown(), [""]);
});

test("what arrives while the first page loads is shown after it", async () => {
  const { socket, client, server, shown } = await inRoom(1);
  client.history.forget(ROOM);
  const opened = client.open(ROOM);
  await socket.tell(event(2));
  await opened;
  assert.deepEqual(shown(), ["text 1", "text 2"]);
  assert.equal(server.count(`GET /v1/conversations/${ROOM}/messages`), 2);
});

test("a message of a conversation whose lookup is on its way is not lost by an answer that is older", async () => {
  const { browser, client, server, socket } = await inRoom(0);
  const [other, path] = ["0198-other", "GET /v1/conversations/0198-other"];
  const last = message(1, { conversation_id: other });
  let answerFirst = (/** @type {unknown} */ _) => {};
  const newer = [200, room(1, { id: other, last_message: last, unread_count: 1 })];
  server.answers[path] = () => (server.count(path) > 1 ? newer : new Promise((resolve) => (answerFirst = resolve)));
  await socket.tell({ type: "conversation.created", conversation: { id: other } });
  await socket.tell(event(1, { conversation_id: other, message: last }));
  answerFirst([200, room(0, { id: other })]);
  await browser.clock.pass(10);
  assert.equal(client.conversations.get(other)?.last_message?.id, last.id);
  assert.equal(server.count(path), 2);
});

test("whoever is removed loses the conversation; a replayed removal behind a newer addition changes nothing", async () => {
  const { socket, client } = await inRoom(4);
  const removal = (seq) => ({ type: "member.removed", conversation_id: ROOM, seq, member: { user_id: ADA.id }, message: { id: `m${seq}`, seq, type: "system" } });
  await socket.tell(removal(3));
  assert.ok(client.conversations.has(ROOM));
  await socket.tell(removal(5));
  assert.ok(!client.conversations.has(ROOM));
  assert.equal(client.history.get(ROOM), undefined);
});

test("a send from another device of the user clears what was unread", async () => {
  const { socket, client } = await inRoom(1);
  await socket.tell(event(2));
  await socket.tell({ ...event(3), message: message(3, { sender_id: ADA.id }) });
  assert.equal(client.conversations.get(ROOM).unread_count, 0);
});

test("presence is replaced by a state and changed by a diff", async () => {
  const { socket, client } = await inRoom(1);
  await socket.tell({ type: "presence.state", users: { [GRACE.id]: "online" } });
  assert.equal(client.people.statusOf(GRACE.id), "online");
  await socket.tell({ type: "presence.diff", online: ["0198-alan"], away: [], offline: [GRACE.id] });
  assert.deepEqual([GRACE.id, "0198-alan"].map((id) => client.people.statusOf(id)), ["offline", "online"]);
  await socket.tell({ type: "presence.state", users: { [GRACE.id]: "away" } });
  assert.deepEqual([GRACE.id, "0198-alan"].map((id) => client.people.statusOf(id)), ["away", "offline"]);
});

test("a refusal after the conversation was lost asks for nothing", async () => {
  const { browser, server, socket } = await inRoom(1);
  const before = server.count(`GET /v1/conversations/${ROOM}`);
  await socket.tell({ type: "member.removed", conversation_id: ROOM, seq: 2, member: { user_id: ADA.id } });
  await socket.tell({ type: "error", ref: "read", conversation_id: ROOM, status: 404, code: "not_found" });
  await browser.clock.pass(10_000);
  assert.equal(server.count(`GET /v1/conversations/${ROOM}`), before);
});

test("a refusal may come before the event that tells why; without that event the conversation is looked up", async () => {
  const refusal = { type: "error", ref: "read", conversation_id: ROOM, status: 404, code: "not_found" };
  const { browser, client, server, socket } = await inRoom(1);
  const before = server.count(`GET /v1/conversations/${ROOM}`);
  await socket.tell(refusal);
  await browser.clock.pass(1_999);
  assert.equal(server.count(`GET /v1/conversations/${ROOM}`), before);
  delete server.answers[`GET /v1/conversations/${ROOM}`];
  await browser.clock.pass(1);
  await browser.clock.pass(10);
  assert.equal(server.count(`GET /v1/conversations/${ROOM}`), before + 1);
  assert.ok(!client.conversations.has(ROOM));

  const other = await inRoom(1);
  const otherBefore = other.server.count(`GET /v1/conversations/${ROOM}`);
  await other.socket.tell(refusal);
  await other.socket.tell({ type: "member.removed", conversation_id: ROOM, seq: 2, member: { user_id: ADA.id } });
  await other.browser.clock.pass(10_000);
  assert.equal(other.server.count(`GET /v1/conversations/${ROOM}`), otherBefore);
});

test("an answer about members that a later one has overtaken changes nothing", async () => {
  const { browser, client, server } = await inRoom(0);
  const path = `GET /v1/conversations/${ROOM}/members`;
  const asked = [];
  server.answers[path] = () => new Promise((resolve) => asked.push((role) => resolve([200, { items: [{ user: ADA, role }], next: null }])));
  const loads = [client.people.reloadMembers(ROOM), client.people.reloadMembers(ROOM)];
  await browser.clock.pass(10);
  asked[1]("admin");
  asked[0]("member");
  await Promise.all(loads);
  assert.equal(client.people.roleOf(ROOM, ADA.id), "admin");
});
