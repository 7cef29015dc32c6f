// Which messages are unread, the second half of what notifies: the first is what the user wants to be notified of.

import assert from "node:assert/strict";
import test from "node:test";

import { isUnread } from "../../static/client/conversations.js";

const conversation = (read_seq, unread_count) => ({ id: "a", type: "direct", created_at: "2026-01-01T00:00:00Z", last_seq: 5, read_seq, unread_count });

test("a message behind the last one that is read is unread", () => {
  assert.deepEqual([4, 5].map((seq) => isUnread(conversation(4, 1), seq)), [false, true]);
});

test("nothing is unread when nothing is counted, as after a read on another device that this one has not numbered", () => {
  assert.equal(isUnread(conversation(4, 0), 5), false);
});

test("a conversation without a read state, as in an event about it, has nothing that is unread", () => {
  assert.equal(isUnread({ ...conversation(0, 0), read_seq: undefined, unread_count: undefined }, 1), false);
});
