// The user's own presence: away after some minutes, back at the next sign.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";

const AWAY = 5 * 60_000;
const said = (socket) => socket.sent.map(({ type }) => type).filter((type) => type.startsWith("presence."));

async function online() {
  const browser = new FakeBrowser();
  const { client } = await browser.loggedIn();
  // The server's heartbeats, without which the client leaves the connection.
  const pass = async (milliseconds) => {
    for (let left = milliseconds; left > 0; left -= 20_000) {
      await browser.server.socket.tell({ type: "heartbeat", heads: {} });
      await browser.clock.pass(Math.min(left, 20_000));
    }
  };
  return { browser, client, pass };
}

test("whoever does nothing for five minutes is away, and back at the first sign", async () => {
  const { browser, client, pass } = await online();
  client.presence.touch();
  await pass(AWAY - 1);
  client.presence.touch();
  await pass(AWAY - 1);
  assert.deepEqual(said(browser.server.socket), []);
  await pass(1);
  assert.deepEqual(said(browser.server.socket), ["presence.away"]);
  for (const _ of [1, 2]) client.presence.touch();
  assert.deepEqual(said(browser.server.socket), ["presence.away", "presence.back"]);
  await pass(AWAY);
  assert.deepEqual(said(browser.server.socket).at(-1), "presence.away");
});

test("a new connection hears of it again", async () => {
  const { browser, client, pass } = await online();
  client.presence.touch();
  await pass(AWAY);
  await browser.server.socket.close(1012);
  await browser.clock.pass(10_000);
  await browser.server.socket.hello();
  assert.deepEqual(said(browser.server.socket), ["presence.away"]);
});

test("a program that never says that its user is there is never away", async () => {
  const { browser, pass } = await online();
  await pass(2 * AWAY);
  assert.deepEqual(said(browser.server.socket), []);
});
