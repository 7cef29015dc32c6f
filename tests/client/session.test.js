// The login: its tokens, their refresh over all tabs, and its end.

import assert from "node:assert/strict";
import test from "node:test";

import { settled } from "./support/clock.js";
import { FakeBrowser } from "./support/browser.js";
import { ADA, GRACE } from "./support/server.js";

const REFRESH = "POST /v1/users/refresh";
const WHO = "GET /v1/users/me";

/** The server takes the first access token no more. */
function expireFirstToken({ server }) {
  server.answers[WHO] = ({ token }) => (token === "access1" ? [401, { code: "token_expired" }] : [200, ADA]);
}

const kept = (storage) => JSON.parse(storage.getItem("chinwag.session"));

test("a login that is kept is found by every tab, any other by its own alone", async () => {
  const browser = new FakeBrowser();
  const own = await browser.loggedIn();
  assert.equal(kept(own.session).user.id, ADA.id);
  assert.equal(kept(browser.local), null);
  assert.deepEqual(browser.open(own.session).client.start(), ADA, "a reload");
  assert.equal(browser.open().client.start(), null, "another tab");

  const shared = await browser.loggedIn({ isKept: true });
  assert.equal(kept(browser.local).user.id, ADA.id);
  assert.equal(kept(shared.session), null);
  assert.deepEqual(browser.open().client.start(), ADA, "another tab");
});

test("a login that fails changes nothing", async () => {
  const browser = new FakeBrowser();
  browser.server.answers["POST /v1/users/login"] = () => [401, { code: "bad_credentials", detail: "The username or the password is wrong." }];
  const tab = browser.open();
  await assert.rejects(tab.client.login("ada", "wrong"), { status: 401, code: "bad_credentials", message: "The username or the password is wrong." });
  assert.equal(tab.client.user, null);
  assert.equal(tab.session.getItem("chinwag.session"), null);
  assert.equal(browser.server.sockets.length, 0);
});

test("what stands in the storage and is no session is no login", async () => {
  const browser = new FakeBrowser();
  for (const text of ["", "{", "7", "[]", '{"user":{}}', '{"login":"a","access_token":"b","refresh_token":"c","user":{"id":"d"}}']) {
    browser.local.setItem("chinwag.session", text);
    assert.equal(browser.open().client.start(), null, text);
  }
});

for (const isSecure of [true, false]) {
  test(`many calls with an expired token refresh it once, ${isSecure ? "with" : "without"} Web Locks`, async () => {
    const browser = new FakeBrowser({ isSecure });
    const { client } = await browser.loggedIn();
    expireFirstToken(browser);
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.rest.get("/v1/users/me")));
    assert.deepEqual(answers, Array(5).fill(ADA));
    assert.equal(browser.server.count(REFRESH), 1);
  });
}

test("without a channel a tab finds the other's tokens in the storage", async () => {
  const browser = new FakeBrowser({ hasChannel: false });
  const tab = await browser.loggedIn({ isKept: true });
  const other = browser.open();
  other.client.start();
  expireFirstToken(browser);
  await tab.client.rest.get("/v1/users/me");
  await other.client.rest.get("/v1/users/me");
  assert.equal(browser.server.count(REFRESH), 1);
});

test("over all tabs of a kept login one refreshes, and the others get its tokens", async () => {
  const browser = new FakeBrowser();
  const tabs = [await browser.loggedIn({ isKept: true })];
  for (let more = 0; more < 3; more += 1) {
    tabs.push(browser.open());
    tabs.at(-1).client.start();
    await browser.clock.pass(0);
    await browser.server.socket.hello();
  }
  await browser.clock.pass(840_000); // each tab's timer is due; their pings are not answered, so they connect again
  await browser.clock.pass(20_000);
  assert.equal(browser.server.count(REFRESH), 1);
  const tokens = new Set(browser.server.sockets.slice(-4).map(({ protocols }) => protocols[1]));
  assert.deepEqual([...tokens], ["bearer.access2"]);
  assert.equal(tabs.flatMap((tab) => tab.ended()).length, 0);
});

test("without Web Locks two tabs may refresh at once, with the same token", async () => {
  const browser = new FakeBrowser({ isSecure: false });
  await browser.loggedIn({ isKept: true });
  const other = browser.open();
  other.client.start();
  const used = [];
  const [answer] = [browser.server.tokens(ADA)]; // within its grace the server gives the same successor
  browser.server.answers[REFRESH] = ({ body }) => { used.push(body.refresh_token); return [200, answer]; };
  await browser.clock.pass(840_000);
  assert.ok(used.length >= 1 && used.every((token) => token === "refresh1"), used.join());
  assert.equal(other.ended().length, 0);
});

test("a duplicated tab learns of a refresh from the other", async () => {
  const browser = new FakeBrowser();
  const first = await browser.loggedIn();
  const copy = browser.open(await duplicate(first.session));
  copy.client.start();
  expireFirstToken(browser);
  await first.client.rest.get("/v1/users/me");
  await browser.clock.pass(0);
  for (let turn = 0; turn < 5; turn += 1) await settled();
  await copy.client.rest.get("/v1/users/me");
  assert.equal(browser.server.count(REFRESH), 1);
  assert.equal(kept(copy.session).access_token, "access2");
});

async function duplicate(storage) {
  const { MemoryStorage } = await import("../../static/client/environment.js");
  const copy = new MemoryStorage();
  for (let index = 0; index < storage.length; index += 1) copy.setItem(storage.key(index), storage.getItem(storage.key(index)));
  return copy;
}

test("a duplicated tab that waited for the other's refresh takes its tokens", async () => {
  const browser = new FakeBrowser();
  const first = await browser.loggedIn();
  const copy = browser.open(await duplicate(first.session));
  copy.client.start();
  expireFirstToken(browser);
  await Promise.all([first, copy].map(({ client }) => client.rest.get("/v1/users/me")));
  assert.equal(browser.server.count(REFRESH), 1);
});

test("a tab that hangs with the lock does not keep the others from refreshing", async (context) => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  browser.occupy("chinwag.refresh");
  expireFirstToken(browser);
  context.mock.method(AbortSignal, "timeout", (milliseconds) => (milliseconds === 25_000 ? AbortSignal.abort() : new AbortController().signal));
  const answer = tab.client.rest.get("/v1/users/me");
  for (let step = 0; step < 5; step += 1) await browser.clock.pass(500);
  assert.deepEqual(await answer, ADA);
});

test("a refresh that is refused ends the session, one that fails does not", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  browser.server.answers[WHO] = () => [401, { code: "token_expired" }];
  browser.server.answers[REFRESH] = () => [503, { code: "unavailable" }];
  await assert.rejects(tab.client.rest.get("/v1/users/me"), { status: 503 });
  browser.server.isReachable = false;
  await assert.rejects(tab.client.rest.get("/v1/users/me"), { status: 0, code: "unreachable" });
  assert.deepEqual(tab.client.user, ADA);
  browser.server.isReachable = true;
  browser.server.answers[REFRESH] = () => [401, { code: "session_ended" }];
  await assert.rejects(tab.client.rest.get("/v1/users/me"), { status: 401 });
  assert.equal(tab.client.user, null);
  assert.deepEqual(tab.ended().map(({ isWiped }) => isWiped), [false]);
  assert.equal(tab.session.getItem("chinwag.session"), null);
  assert.equal(tab.client.connection.status.state, "stopped");
});

test("a logout ends all tabs of the login, and no other login", async () => {
  const browser = new FakeBrowser();
  const grace = browser.open();
  const tab = await browser.loggedIn({ isKept: true });
  const other = browser.open();
  other.client.start();
  browser.server.answers["POST /v1/users/login"] = () => [200, browser.server.tokens(GRACE)];
  await grace.client.login("grace", "battery staple");

  await tab.client.logout();
  assert.equal(browser.server.requests.at(-1).token, "access1");
  for (let turn = 0; turn < 5; turn += 1) await settled();
  assert.deepEqual([tab.ended().length, other.ended().length, grace.ended().length], [1, 1, 0]);
  assert.equal(browser.local.getItem("chinwag.session"), null);
  assert.deepEqual(grace.client.user, GRACE);
});

test("a logout with a token that has expired ends the session on the server all the same", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  browser.server.answers["POST /v1/users/logout"] = ({ token }) => (token === "access1" ? [401, { code: "token_expired" }] : [204]);
  await tab.client.logout();
  assert.deepEqual(browser.server.requests.slice(-3).map(({ name, token }) => `${name} ${token ?? ""}`),
    ["POST /v1/users/logout access1", "POST /v1/users/refresh ", "POST /v1/users/logout access2"]);
  assert.deepEqual([tab.client.user, tab.session.length], [null, 0]);
});

test("a refresh that is answered after the logout logs nobody in", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  let answer;
  browser.server.answers[REFRESH] = () => new Promise((resolve) => { answer = () => resolve([200, browser.server.tokens(ADA)]); });
  expireFirstToken(browser);
  const call = assert.rejects(tab.client.rest.get("/v1/users/me"), { status: 401 });
  while (!answer) await settled();
  await tab.client.logout();
  answer();
  await call;
  assert.deepEqual([tab.client.user, browser.local.length], [null, 0]);
});

test("a logout does not wait for a server that is gone", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn({ isKept: true });
  browser.server.isReachable = false;
  await tab.client.logout();
  assert.equal(tab.client.user, null);
  assert.equal(browser.local.length, 0);
});

test("a login in another tab is not undone by the one before it", async () => {
  const browser = new FakeBrowser();
  const grace = browser.open();
  const ada = await browser.loggedIn({ isKept: true });
  browser.server.answers["POST /v1/users/login"] = () => [200, browser.server.tokens(GRACE)];
  await grace.client.login("grace", "battery staple", { isKept: true });
  expireFirstToken(browser);
  await ada.client.rest.get("/v1/users/me");
  assert.equal(kept(browser.local).user.id, GRACE.id, "after a refresh");
  await ada.client.logout();
  assert.equal(kept(browser.local).user.id, GRACE.id, "after a logout");
});

test("a second login of one client ends its first", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  browser.server.answers["POST /v1/users/login"] = () => [200, browser.server.tokens(GRACE)];
  await tab.client.login("grace", "battery staple");
  assert.equal(browser.server.count("POST /v1/users/logout"), 1);
  assert.deepEqual([tab.client.user, [...tab.client.people.users.keys()]], [GRACE, [GRACE.id]]);
});

test("a client without a login does not connect", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  tab.client.connection.start();
  await browser.clock.pass(60_000);
  assert.equal(tab.client.connection.status.state, "stopped");
  assert.equal(browser.server.sockets.length, 0);
});
