// What the user is notified of, and the settings that say so.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const SETTINGS = { contact_from: "everyone", send_receipts: true, show_last_seen: true, do_not_disturb_until: null };
const message = (more) => ({
  id: "m", conversation_id: "a", seq: 2, sender_id: GRACE.id, type: "text", content: "hi", timestamp: "2026-01-01T00:00:00Z", ...more,
});
const state = (notifications) =>
  ({ type: "conversation.state", conversation_id: "a", read_seq: 0, unread_from_seq: null, unread_count: 1, mention_count: 0, notifications, last_seq: 1 });

async function withRoom({ notifications, settings = SETTINGS } = {}) {
  const browser = new FakeBrowser();
  const room = { id: "a", type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 1, read_seq: 0, unread_count: 1, notifications };
  browser.server.answers["GET /v1/conversations"] = () => [200, { items: [room], next: null }];
  browser.server.answers["GET /v1/users/me"] = () => [200, { ...ADA, settings }];
  browser.server.answers["PUT /v1/conversations/a/notifications"] = () => [204];
  browser.server.answers["PATCH /v1/users/me"] = ({ body }) => [200, { ...ADA, settings: { ...settings, ...body.settings } }];
  const { client } = await browser.loggedIn();
  await browser.clock.pass(10);
  const after = (milliseconds) => new Date(browser.clock.now() + milliseconds);
  return { browser, client, socket: browser.server.socket, after };
}

const bodies = (browser, name) => browser.server.requests.filter((request) => request.name === name).map(({ body }) => body);

test("the level decides which messages are wanted", async () => {
  const { client, socket } = await withRoom();
  const messages = [message(), message({ mentions: [ADA.id] }), message({ mentions_all: true }), message({ mentions: [GRACE.id] })];
  const wanted = async (level) => {
    await socket.tell(state({ level, until: null }));
    return messages.map((one) => client.notifications.wants(one));
  };
  assert.deepEqual(await wanted("all"), [true, true, true, true]);
  assert.deepEqual(await wanted("mentions"), [false, true, true, false]);
  assert.deepEqual(await wanted("none"), [false, false, false, false]);
  await socket.tell(state({ level: "all", until: null }));
  for (const other of [{ sender_id: ADA.id }, { type: "system" }, { deleted_at: "2026-01-01T00:00:00Z" }]) {
    assert.equal(client.notifications.wants(message({ ...other, mentions_all: true })), false);
  }
});

test("a choice is told to the server and ends at its time", async () => {
  const { browser, client, after } = await withRoom();
  await client.notifications.set("a", "none", after(5_000));
  assert.deepEqual(client.notifications.of("a"), { level: "none", until: after(5_000).toISOString() });
  await browser.clock.pass(4_999);
  assert.equal(client.notifications.wants(message()), false);
  await browser.clock.pass(1);
  assert.deepEqual(client.notifications.of("a"), { level: "all", until: null });
  assert.equal(client.notifications.wants(message()), true);
  await client.notifications.set("a", "mentions");
  await client.notifications.set("a", "all", after(1));
  assert.deepEqual(bodies(browser, "PUT /v1/conversations/a/notifications").slice(1), [{ level: "mentions", until: null }, { level: "all", until: null }]);
});

test("a choice that is refused changes nothing", async () => {
  const { browser, client } = await withRoom({ notifications: { level: "mentions", until: null } });
  browser.server.answers["PUT /v1/conversations/a/notifications"] = () => [429, { code: "rate_limited" }];
  await assert.rejects(client.notifications.set("a", "none"), { code: "rate_limited" });
  assert.equal(client.notifications.of("a").level, "mentions");
  assert.equal(client.notifications.of("unknown").level, "all");
});

test("nobody is disturbed until the time is over", async () => {
  const { browser, client, socket, after } = await withRoom();
  const until = after(5_000);
  await client.notifications.doNotDisturb(until);
  assert.deepEqual(client.notifications.doNotDisturbUntil, until);
  assert.equal(client.notifications.wants(message({ mentions: [ADA.id] })), false);
  await browser.clock.pass(5_000);
  assert.deepEqual([client.notifications.doNotDisturbUntil, client.notifications.wants(message())], [null, true]);
  await socket.tell({ type: "settings.updated", settings: { ...SETTINGS, do_not_disturb_until: after(1_000).toISOString() } });
  assert.equal(client.notifications.wants(message()), false, "another device may say so too");
  await client.notifications.doNotDisturb(null);
  assert.equal(client.notifications.wants(message()), true);
  assert.deepEqual(bodies(browser, "PATCH /v1/users/me"), [{ settings: { do_not_disturb_until: until.toISOString() } }, { settings: { do_not_disturb_until: null } }]);
});

test("settings that are loaded are not older than a change", async () => {
  const { browser, client, socket } = await withRoom();
  let answer = () => {};
  browser.server.answers["GET /v1/users/me"] = () => new Promise((resolve) => { answer = () => resolve([200, { ...ADA, settings: SETTINGS }]); });
  const loading = client.settings.load();
  await browser.clock.pass(1);
  await socket.tell({ type: "settings.updated", settings: { ...SETTINGS, send_receipts: false } });
  answer();
  await loading;
  assert.equal(client.settings.values.send_receipts, false);
  await client.logout();
  assert.equal(client.settings.values, null);
});
