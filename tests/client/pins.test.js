// Pinned messages, and quotes of messages: both show a message as it is now.

import assert from "node:assert/strict";
import test from "node:test";

import { quoteOf } from "../../static/client/index.js";
import { exchanged } from "./support/clock.js";
import { range, Room, ROOM, text } from "./support/room.js";
import { ADA, GRACE } from "./support/server.js";

const PINS = `GET /v1/conversations/${ROOM}/pins`;
const pin = (message) => ({ message, user_id: ADA.id, pinned_at: "2026-01-01T00:00:00Z" });

/** An open room of five messages, of which these are pinned. */
async function withPins(...seqs) {
  const room = await Room.open(5);
  room.pinned = seqs;
  room.server.answers[PINS] = () => [200, { items: room.pinned.map((seq) => pin(room.messages[seq - 1])), next: null }];
  await room.client.open(ROOM);
  await room.browser.clock.pass(10);
  return room;
}

const pinnedIn = ({ client }) => client.pins.in(ROOM)?.map(({ message }) => message.content) ?? null;

test("the pinned messages of an open conversation are loaded once, and follow the events", async () => {
  const room = await withPins(4, 2);
  assert.deepEqual(pinnedIn(room), ["text 4", "text 2"]);
  assert.equal(room.server.count(PINS), 1);
  room.pinned = [4, 3, 2];
  await room.happens("message.pinned", { message_id: "m3", user_id: GRACE.id });
  await room.browser.clock.pass(10);
  assert.deepEqual(pinnedIn(room), ["text 4", "text 3", "text 2"]);
  assert.ok(room.message("m3").pinned_at);
  room.pinned = [3, 2];
  await room.happens("message.unpinned", { message_id: "m4", user_id: GRACE.id });
  await room.browser.clock.pass(10);
  assert.deepEqual(pinnedIn(room), ["text 3", "text 2"]);
  assert.equal(room.message("m4").pinned_at ?? null, null);
});

test("an edit shows in the list, and a deletion takes the message from it", async () => {
  const room = await withPins(4, 2);
  await room.revise("m4", { content: "edited", edited_at: "2026-01-01T00:00:01Z" });
  assert.deepEqual(pinnedIn(room), ["edited", "text 2"]);
  await room.revise("m2", { content: "", deleted_at: "2026-01-01T00:00:02Z" }, "message.deleted");
  assert.deepEqual(pinnedIn(room), ["edited"]);
  assert.equal(room.server.count(PINS), 1, "that needs no request");
});

test("of two loads the later one counts", async () => {
  const room = await withPins();
  const answers = [];
  room.server.answers[PINS] = () => new Promise((resolve) => answers.push((items) => resolve([200, { items, next: null }])));
  const loads = [room.client.pins.load(ROOM), room.client.pins.load(ROOM)];
  await exchanged();
  answers[1]([pin(text(1))]);
  await loads[1];
  answers[0]([]);
  await loads[0];
  assert.deepEqual(pinnedIn(room), ["text 1"]);
});

test("a list that could not be loaded is loaded by the next connection", async () => {
  const room = await Room.open(5);
  room.server.answers[PINS] = () => [503, { code: "busy", title: "Busy" }];
  await room.client.open(ROOM);
  await room.browser.clock.pass(10);
  assert.equal(pinnedIn(room), null);
  room.server.answers[PINS] = () => [200, { items: [pin(text(1))], next: null }];
  await room.socket.close(1006);
  await room.browser.clock.pass(250);
  await room.socket.hello();
  await room.browser.clock.pass(10);
  assert.deepEqual(pinnedIn(room), ["text 1"]);
});

test("whoever leaves a conversation keeps none of its pins", async () => {
  const room = await withPins(4);
  room.client.lose(ROOM);
  assert.equal(pinnedIn(room), null);
});

test("pinning is asked of the server", async () => {
  const room = await withPins();
  room.server.answers[`PUT /v1/conversations/${ROOM}/messages/m1/pin`] = () => [204];
  room.server.answers[`DELETE /v1/conversations/${ROOM}/messages/m1/pin`] = () => [403, { code: "forbidden", detail: "Only admins pin here." }];
  await room.client.pins.pin(room.message("m1"));
  await assert.rejects(room.client.pins.unpin(room.message("m1")), /Only admins/);
});

test("a quote has the beginning of a text, whole characters of it, and nothing of what is deleted or of the system", () => {
  const long = quoteOf(text(7, { content: "🦀".repeat(300) }));
  assert.deepEqual([long.seq, long.sender_id, long.content], [7, GRACE.id, "🦀".repeat(200)]);
  assert.equal(quoteOf(text(1, { content: "x".repeat(201) })).content.length, 200);
  assert.equal(quoteOf(text(1, { deleted_at: "2026-01-01T00:00:00Z" })).content, "");
  assert.equal(quoteOf(text(1, { type: "system" })).content, "");
});

test("answers show what they quote as it is now, also when that is not loaded", async () => {
  const room = await Room.open(100);
  const answer = (id, quoted) => ({ id, reply_to: quoted, quote: quoteOf(room.messages.find((message) => message.id === quoted)) });
  await room.client.open(ROOM);
  await room.say(answer("a1", "m2"));
  await room.say(answer("a2", "m99"));
  assert.deepEqual(room.seqs, range(51, 102));
  await room.revise("m2", { content: "edited", edited_at: "2026-01-01T00:00:01Z" });
  await room.revise("m99", { content: "", deleted_at: "2026-01-01T00:00:02Z" }, "message.deleted");
  assert.equal(room.message("a1").quote.content, "edited");
  assert.deepEqual([room.message("a2").quote.content, room.message("a2").quote.deleted_at], ["", "2026-01-01T00:00:02Z"]);
  assert.equal(room.message("a2").content, "text 102");
});

test("an answer carries its quote until the server has it, and the message that a draft answers survives with the draft", async () => {
  const room = await Room.open(1);
  await room.client.open(ROOM);
  const replyTo = { id: "m1", quote: quoteOf(room.message("m1")) };
  room.client.drafts.setReply(ROOM, replyTo);
  const tab = room.browser.open(room.tab.session);
  tab.client.start();
  assert.deepEqual(tab.client.drafts.reply(ROOM), replyTo);
  assert.equal(tab.client.drafts.get(ROOM), "");
  const unsent = room.client.send(ROOM, "yes", { replyTo });
  assert.deepEqual([unsent.reply_to, unsent.quote.content], ["m1", "text 1"]);
  assert.deepEqual(room.socket.sentOf("message.send").map(({ reply_to, quote }) => [reply_to, quote]), [["m1", undefined]]);
  room.client.drafts.setReply(ROOM, null);
  assert.equal(room.client.drafts.reply(ROOM), null);
  room.tab.session.setItem(`chinwag.draft.${ADA.id}.${ROOM}.reply`, "{not json");
  assert.equal(room.client.drafts.reply(ROOM), null);
});
