// The loaded messages: a range in the middle of the history that grows both ways, and never has a hole.

import assert from "node:assert/strict";
import test from "node:test";

import { exchanged } from "./support/clock.js";
import { range, Room, ROOM } from "./support/room.js";

test("messages around a number are loaded, also first of all, and the range grows both ways until it meets the newest", async () => {
  const room = await Room.open(200);
  assert.equal(await room.client.openAround(ROOM, 100), true);
  assert.deepEqual(room.seqs, range(75, 124));
  assert.deepEqual([room.timeline.isComplete, room.timeline.isNewest], [false, false]);
  await room.client.history.loadEarlier(ROOM);
  await room.client.history.loadLater(ROOM);
  assert.deepEqual(room.seqs, range(25, 174));
  await room.client.history.loadLater(ROOM);
  await room.client.history.loadEarlier(ROOM);
  assert.deepEqual(room.seqs, range(1, 200));
  assert.deepEqual([room.timeline.isComplete, room.timeline.isNewest], [true, true]);
  const { requests } = room;
  await room.client.history.loadLater(ROOM);
  await room.client.history.loadEarlier(ROOM);
  assert.equal(room.requests, requests, "there is nothing more");
  await room.say();
  assert.deepEqual(room.seqs, range(1, 201));
});

test("a message that is loaded needs no request", async () => {
  const room = await Room.open(30);
  await room.client.open(ROOM);
  assert.equal(await room.client.openAround(ROOM, 3), true);
  assert.equal(room.requests, 1);
});

test("what comes behind a range in the middle makes no hole, is announced once, and is there when the range meets the newest", async () => {
  const room = await Room.open(100);
  await room.client.openAround(ROOM, 10);
  assert.deepEqual(room.seqs, range(1, 34));
  const message = await room.say();
  assert.deepEqual(room.seqs, range(1, 34));
  assert.equal(room.client.conversations.get(ROOM).last_message.seq, 101);
  await room.socket.tell({ type: "message.new", conversation_id: ROOM, seq: 101, message });
  assert.deepEqual(room.tab.events.filter(({ type }) => type === "message").length, 1);
  await room.client.openNewest(ROOM);
  assert.deepEqual(room.seqs, range(52, 101));
  await room.say();
  assert.deepEqual(room.seqs, range(52, 102));
  const { requests } = room;
  await room.client.openNewest(ROOM);
  assert.equal(room.requests, requests);
});

test("a message that comes while the last page loads is shown behind it", async () => {
  const room = await Room.open(60);
  await room.client.openAround(ROOM, 10);
  const answer = room.hold();
  const loaded = room.client.history.loadLater(ROOM);
  await exchanged();
  await room.say(); // the page has been read before
  await answer();
  await loaded;
  assert.deepEqual(room.seqs, range(1, 61));
});

test("what happens to messages while their page is on its way is not lost", async () => {
  const room = await Room.open(100);
  await room.client.open(ROOM);
  const answer = room.hold();
  const loaded = room.client.history.loadEarlier(ROOM);
  await exchanged();
  await room.revise("m20", { content: "edited", edited_at: "2026-01-01T00:00:01Z" });
  await room.happens("reactions.changed", { message_id: "m21", reactions: [{ emoji: "👍", count: 1 }] });
  await room.happens("message.pinned", { message_id: "m22", user_id: "0198-grace" });
  await answer();
  await loaded;
  assert.equal(room.message("m20").content, "edited");
  assert.deepEqual(room.message("m21").reactions.map(({ count }) => count), [1]);
  assert.ok(room.message("m22").pinned_at);
});

test("a page that was asked for before a jump is not put beside the range after it", async () => {
  const room = await Room.open(300);
  await room.client.open(ROOM);
  const answer = room.hold();
  const earlier = room.client.history.loadEarlier(ROOM);
  const around = room.client.openAround(ROOM, 50);
  await exchanged();
  await answer();
  assert.deepEqual(await Promise.all([earlier, around]), [false, true]);
  assert.deepEqual(room.seqs, range(25, 74));
  assert.equal(room.timeline.state, "idle");
});

test("a page that is asked for while a jump is under way is not put beside the range after it", async () => {
  const room = await Room.open(300);
  await room.client.open(ROOM);
  const answer = room.hold();
  const around = room.client.openAround(ROOM, 50);
  const earlier = room.client.history.loadEarlier(ROOM);
  await exchanged();
  await answer();
  assert.deepEqual(await Promise.all([around, earlier]), [true, false]);
  assert.deepEqual(room.seqs, range(25, 74));
  await room.client.history.loadEarlier(ROOM);
  assert.deepEqual(room.seqs, range(1, 74));
});

for (const [first, second] of [["first", "second"], ["second", "first"]]) {
  test(`a connection that begins while the first messages load asks for the same ones again, and the ${first} answer is shown`, async () => {
    const room = await Room.open(300);
    const answers = {};
    room.server.answers[`GET /v1/conversations/${ROOM}/messages`] = ({ search }) => new Promise((resolve) => {
      answers[answers.first ? "second" : "first"] = () => resolve([200, room.page(new URLSearchParams(search))]);
    });
    const opened = room.client.openAround(ROOM, 50);
    await exchanged();
    await room.socket.close(1006);
    await room.browser.clock.pass(250);
    await room.socket.hello();
    await exchanged();
    answers[first]();
    await exchanged();
    assert.deepEqual(room.seqs, range(25, 74));
    answers[second]();
    assert.equal(await opened, true);
    assert.deepEqual(room.seqs, range(25, 74));
    assert.equal(room.timeline.isNewest, false);
  });
}

test("of two jumps the last one counts", async () => {
  const room = await Room.open(300);
  const answer = room.hold();
  const jumps = [room.client.openAround(ROOM, 50), room.client.openAround(ROOM, 200)];
  await exchanged();
  await answer();
  assert.deepEqual(await Promise.all(jumps), [false, true]);
  assert.deepEqual(room.seqs, range(175, 224));
});

test("a jump that fails leaves what was there, and a page that fails can be asked for again", async () => {
  const room = await Room.open(300);
  await room.client.open(ROOM);
  room.server.isReachable = false;
  assert.equal(await room.client.openAround(ROOM, 50), false);
  assert.deepEqual(room.seqs, range(251, 300));
  assert.equal(room.timeline.state, "idle");
  await room.client.history.loadEarlier(ROOM);
  assert.equal(room.timeline.state, "failed");
  room.server.isReachable = true;
  await room.client.history.loadEarlier(ROOM);
  await room.client.openAround(ROOM, 50);
  room.server.isReachable = false;
  await room.client.history.loadLater(ROOM);
  assert.equal(room.timeline.laterState, "failed");
  room.server.isReachable = true;
  await room.client.history.loadLater(ROOM);
  assert.deepEqual([room.timeline.laterState, ...room.seqs], ["idle", ...range(25, 124)]);
});

test("a range in the middle is resumed after a lost connection as any other", async () => {
  const room = await Room.open(100);
  await room.client.openAround(ROOM, 10);
  await room.socket.tell({ type: "resumed", ref: "resume", conversation_id: ROOM, last_seq: 100 });
  await room.socket.close(1006);
  await room.browser.clock.pass(250);
  await room.socket.hello();
  assert.deepEqual(room.socket.sentOf("resume").map(({ conversations }) => conversations[ROOM]), [100]);
  await room.revise("m5", { content: "edited", edited_at: "2026-01-01T00:00:01Z" });
  await room.say();
  await room.socket.tell({ type: "resumed", ref: "resume", conversation_id: ROOM, last_seq: 102 });
  assert.deepEqual(room.seqs, range(1, 34));
  assert.equal(room.message("m5").content, "edited");
  await room.client.history.loadLater(ROOM);
  await room.client.history.loadLater(ROOM);
  assert.deepEqual(room.timeline.messages.map(({ seq }) => seq), [...range(1, 100), 102]);
});

test("what a device has not loaded it has not received", async () => {
  const room = await Room.open(100);
  await room.client.openAround(ROOM, 10);
  await room.browser.clock.pass(300);
  assert.deepEqual(room.socket.sentOf("message.delivered"), []);
  await room.client.openNewest(ROOM);
  await room.browser.clock.pass(300);
  assert.deepEqual(room.socket.sentOf("message.delivered").map(({ seq }) => seq), [100]);
});

test("a range that is trimmed while a page beside it is on its way takes no page that leaves a hole", async () => {
  const room = await Room.open(200);
  await room.client.open(ROOM);
  await room.client.history.loadEarlier(ROOM);
  assert.deepEqual(room.seqs, range(101, 200));
  const loading = room.client.history.loadEarlier(ROOM);
  room.timeline.trim(60);
  await loading;
  assert.deepEqual([room.seqs, room.timeline.state, room.timeline.isComplete], [range(141, 200), "idle", false]);
  await room.client.history.loadEarlier(ROOM);
  assert.deepEqual(room.seqs, range(91, 200));
});
