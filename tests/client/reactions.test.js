// Reactions: the counts of events, and which of them are the user's own.

import assert from "node:assert/strict";
import test from "node:test";

import { exchanged } from "./support/clock.js";
import { Room, ROOM } from "./support/room.js";
import { ADA, GRACE } from "./support/server.js";

const URL_OF_THUMB = `/v1/conversations/${ROOM}/messages/m1/reactions/${encodeURIComponent("👍")}`;
const counts = (reactions) => reactions.map(({ emoji, count, me }) => `${emoji} ${count}${me ? " mine" : ""}`);

/** An open room with one message, whose reactions are these. */
async function withReactions(reactions) {
  const room = await Room.open(1);
  room.messages[0].reactions = reactions;
  await room.client.open(ROOM);
  const shown = () => counts(room.client.reactions.of(room.message("m1")));
  const change = (reactions, changes) => room.happens("reactions.changed", { message_id: "m1", reactions, changes });
  return { room, shown, change };
}

test("counts come with the event, and one's own reactions from history and from the names of changes", async () => {
  const { shown, change } = await withReactions([{ emoji: "🎉", count: 2, me: true }]);
  assert.deepEqual(shown(), ["🎉 2 mine"]);
  await change([{ emoji: "🎉", count: 2 }, { emoji: "👍", count: 1 }, { emoji: "👀", count: 1 }], [
    { user_id: GRACE.id, emoji: "👀", added: true }, { user_id: ADA.id, emoji: "👍", added: true }]);
  assert.deepEqual(shown(), ["🎉 2 mine", "👍 1 mine", "👀 1"]);
  await change([{ emoji: "🎉", count: 1 }, { emoji: "👍", count: 1 }], [{ user_id: ADA.id, emoji: "🎉", added: false }]);
  assert.deepEqual(shown(), ["🎉 1", "👍 1 mine"]);
  await change([{ emoji: "👍", count: 900 }]); // too many to name
  assert.deepEqual(shown(), ["👍 900 mine"]);
});

test("reactions change neither the order of conversations nor what is unread", async () => {
  const { room, change } = await withReactions([]);
  const before = { ...room.client.conversations.get(ROOM) };
  await change([{ emoji: "👍", count: 1 }], [{ user_id: GRACE.id, emoji: "👍", added: true }]);
  const { unread_count, last_message, last_seq } = room.client.conversations.get(ROOM);
  assert.deepEqual([unread_count, last_message, last_seq], [before.unread_count, before.last_message, 2]);
  assert.deepEqual(room.socket.sentOf("resume").length, 1, "its number follows");
});

test("an edit, which does not say whose the reactions are, keeps one's own", async () => {
  const { room, shown } = await withReactions([{ emoji: "👍", count: 1, me: true }]);
  await room.revise("m1", { content: "edited", edited_at: "2026-01-01T00:00:01Z", reactions: [{ emoji: "👍", count: 2 }] });
  assert.deepEqual(shown(), ["👍 2 mine"]);
});

test("a deleted message has none, whatever a replay says", async () => {
  const { room, shown, change } = await withReactions([{ emoji: "👍", count: 1, me: false }]);
  await room.revise("m1", { content: "", deleted_at: "2026-01-01T00:00:01Z", reactions: [] }, "message.deleted");
  await change([{ emoji: "👍", count: 1 }], []);
  assert.deepEqual(shown(), []);
});

test("a reaction shows at once, and counts once, whichever of answer and event comes first", async () => {
  for (const isAnswerFirst of [true, false]) {
    const { room, shown, change } = await withReactions([{ emoji: "👍", count: 1, me: false }]);
    let answer = () => {};
    room.server.answers[`PUT ${URL_OF_THUMB}`] = () => new Promise((resolve) => { answer = () => resolve([204]); });
    const done = room.client.reactions.toggle(room.message("m1"), "👍");
    assert.deepEqual(shown(), ["👍 2 mine"]);
    await exchanged();
    const event = () => change([{ emoji: "👍", count: 2 }], [{ user_id: ADA.id, emoji: "👍", added: true }]);
    if (!isAnswerFirst) await event();
    answer();
    await done;
    if (isAnswerFirst) await event();
    assert.deepEqual(shown(), ["👍 2 mine"]);
  }
});

test("where events name nobody, the answer says that a reaction is one's own", async () => {
  const { room, shown, change } = await withReactions([]);
  room.server.answers[`PUT ${URL_OF_THUMB}`] = async () => {
    await change([{ emoji: "👍", count: 4 }]);
    return [204];
  };
  await room.client.reactions.toggle(room.message("m1"), "👍");
  assert.deepEqual(shown(), ["👍 4 mine"]);
});

test("a reaction that the server refuses is taken back, and its problem is said", async () => {
  const { room, shown } = await withReactions([{ emoji: "🎉", count: 1, me: false }]);
  room.server.answers[`PUT ${URL_OF_THUMB}`] = () => [422, { code: "invalid", detail: "A message has at most 20 kinds." }];
  await assert.rejects(room.client.reactions.toggle(room.message("m1"), "👍"), /at most 20 kinds/);
  assert.deepEqual(shown(), ["🎉 1"]);
});

test("of many presses the last one counts, and the server is asked one by one", async () => {
  const { room, shown } = await withReactions([]);
  const asked = [];
  let answer = () => {};
  for (const method of ["PUT", "DELETE"]) {
    room.server.answers[`${method} ${URL_OF_THUMB}`] = () => {
      asked.push(method);
      return new Promise((resolve) => { answer = () => resolve([204]); });
    };
  }
  const message = room.message("m1");
  const done = room.client.reactions.toggle(message, "👍");
  await exchanged();
  room.client.reactions.toggle(message, "👍");
  room.client.reactions.toggle(message, "👍");
  room.client.reactions.toggle(message, "👍");
  assert.deepEqual([shown(), asked], [[], ["PUT"]]);
  answer();
  await exchanged();
  assert.deepEqual(asked, ["PUT", "DELETE"]);
  answer();
  await done;
  assert.deepEqual(shown(), []);
});

test("the names of those who reacted are asked for", async () => {
  const { room } = await withReactions([{ emoji: "👍", count: 1 }]);
  room.server.answers[`GET ${URL_OF_THUMB.slice(0, URL_OF_THUMB.lastIndexOf("/"))}`] = ({ search }) => [200, { items: [{ emoji: new URLSearchParams(search).get("emoji"), user: GRACE }], next: null }];
  assert.deepEqual(await room.client.reactions.who(room.message("m1"), "👍", 20), [GRACE]);
});
