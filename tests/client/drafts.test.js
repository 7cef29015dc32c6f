// Texts that are begun: drafts, and edits of messages.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";

const ROOM = "0198-room";
const EDIT = { id: "m1", base: "helo", content: "hello" };

test("an edit survives a reload beside the draft, and ends with the conversation", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  tab.client.drafts.set(ROOM, "half a sent");
  tab.client.drafts.setEdit(ROOM, EDIT);
  await tab.close();
  const again = browser.open();
  again.client.start();
  assert.deepEqual([again.client.drafts.get(ROOM), again.client.drafts.edit(ROOM)], ["half a sent", EDIT]);
  again.client.lose(ROOM);
  assert.deepEqual([again.client.drafts.get(ROOM), again.client.drafts.edit(ROOM)], ["", null]);
});

test("an edit that is no edit is none", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  tab.client.drafts.setEdit(ROOM, EDIT);
  const key = Array.from({ length: browser.local.length }, (_, at) => browser.local.key(at)).find((name) => name.endsWith(".edit"));
  for (const stored of ["{", "3", "{}", '{"id":1,"base":"","content":""}']) {
    browser.local.setItem(key, stored);
    assert.equal(tab.client.drafts.edit(ROOM), null, stored);
  }
});

test("a page is not safe to close with what cannot be kept", async () => {
  const browser = new FakeBrowser();
  const kept = await browser.loggedIn({ isKept: true });
  kept.client.drafts.set(ROOM, "kept");
  assert.equal(kept.client.isSafe, true);
  browser.local.setItem = () => { throw new Error("the storage is full"); };
  kept.client.drafts.setEdit(ROOM, EDIT);
  assert.deepEqual([kept.client.isSafe, kept.client.drafts.edit(ROOM)], [false, EDIT]);
  kept.client.drafts.setEdit(ROOM, null);
  assert.equal(kept.client.isSafe, true);

  const other = new FakeBrowser();
  const lent = await other.loggedIn({ isKept: false });
  assert.equal(lent.client.isSafe, true);
  lent.client.drafts.set(ROOM, "ends with the tab");
  assert.equal(lent.client.isSafe, false);
});
