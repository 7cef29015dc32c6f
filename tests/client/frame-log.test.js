// What the test bench keeps of the frames.

import assert from "node:assert/strict";
import test from "node:test";

import { FrameLog, masked } from "../../static/lazy/frame-log.js";

const ROOM = "0198-room";

test("it keeps a bounded number of frames and of characters", () => {
  const log = new FrameLog(() => 0);
  for (let number = 0; number < 2_000; number += 1) log.add("in", { type: "heartbeat", number });
  assert.deepEqual([log.entries.length, log.entries[0].number, log.count], [500, 1_501, 2_000]);
  for (let number = 0; number < 50; number += 1) log.add("in", { type: "message.new", content: "x".repeat(100_000) });
  assert.ok(log.entries.reduce((sum, { text }) => sum + text.length, 0) <= 1_000_000);
  for (let number = 0; number < 2_000; number += 1) log.add("in", { type: "message.new", conversation_id: `room ${number}`, seq: 1 });
  assert.equal(log.heads.size, 500);
  for (let number = 0; number < 2_000; number += 1) log.add("out", { type: "message.send", id: `m${number}` });
  log.add("in", { type: "message.new", message: { id: "m0" } });
  assert.equal(log.latency(), null, "an answer that comes after hundreds of sends is not awaited any more");
});

test("it shows nothing that opens an account", () => {
  const frame = { type: "auth", token: "eyJ", input: { password: "p", current_password: "q", refresh_token: "r", ticket: "t", invite: "i", content: "token" } };
  assert.equal(masked(frame), '{"type":"auth","token":"…","input":{"password":"…","current_password":"…","refresh_token":"…","ticket":"…","invite":"…","content":"token"}}');
  const log = new FrameLog(() => 0);
  assert.equal(log.add("out", frame).text.includes("eyJ"), false);
});

test("it measures how long an answer takes", () => {
  let now = 0;
  const log = new FrameLog(() => now);
  for (const [id, took] of [["a", 10], ["b", 30], ["c", 20]]) {
    log.add("out", { type: "message.send", ref: id, id });
    now += took;
    assert.equal(log.add("in", { type: "message.new", message: { id } }).ackMs, took);
    assert.equal(log.add("in", { type: "message.new", message: { id } }).ackMs, null, "a second delivery is no answer");
  }
  log.add("out", { type: "ping", ref: "p" });
  now += 1;
  assert.equal(log.add("in", { type: "pong", ref: "p" }).ackMs, 1);
  assert.deepEqual(log.latency(), { count: 4, last: 1, median: 20, p95: 30, most: 30 });
  assert.equal(log.lastSend.id, "c");
});

test("it knows the newest numbers, and finds frames", () => {
  const log = new FrameLog(() => 0);
  log.add("in", { type: "message.new", conversation_id: ROOM, seq: 4, message: { id: "a", content: "Hello" } });
  log.add("in", { type: "resumed", conversation_id: ROOM, last_seq: 3 });
  log.add("in", { type: "heartbeat", heads: { [ROOM]: 7, other: 1 } });
  log.add("in", { type: "typing.start", conversation_id: ROOM });
  assert.deepEqual([...log.heads], [[ROOM, 7], ["other", 1]]);
  assert.deepEqual(log.matching("HELLO message.new").map(({ number }) => number), [1]);
  assert.equal(log.matching("").length, 4);
});
