// The connection: when it comes back, when it does not, and how it notices that it is dead.

import assert from "node:assert/strict";
import test from "node:test";

import { FakeBrowser } from "./support/browser.js";

const status = ({ client }) => client.connection.status;
const waitOf = (tab, clock) => status(tab).retryAt - clock.now();

test("it connects with its token, and is connected once the server says hello", async () => {
  const browser = new FakeBrowser();
  const { server } = browser;
  const tab = await browser.loggedIn();
  assert.equal(server.socket.url, "ws://chat.example/ws");
  assert.deepEqual(server.socket.protocols, ["chinwag.v1", "bearer.access1"]);
  assert.deepEqual(tab.events.map(({ state }) => state), ["connecting", "connected"]);
  await tab.close();
  assert.equal(server.socket.closedByClient, 1000);
});

test("the wait doubles with each failure, within full jitter, up to 15 s", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const waits = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    await browser.server.socket.close(1006);
    await browser.clock.pass(0);
    waits.push(waitOf(tab, browser.clock));
    await browser.clock.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
});

test("the wait starts over only after a connection has lived for a while", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  for (const [lifetime, expected] of [[0, 250], [9_000, 500], [9_999, 1000], [10_000, 250], [0, 500]]) {
    await browser.clock.pass(lifetime);
    await browser.server.socket.close(1006);
    assert.equal(waitOf(tab, browser.clock), expected, `after ${lifetime} ms`);
    await browser.clock.pass(expected);
    await browser.server.socket.hello();
  }
});

test("a draining server is obeyed, also when the network comes back meanwhile", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  await browser.server.socket.tell({ type: "draining", reconnect_after_ms: 4_000 });
  await browser.clock.pass(1_000);
  await browser.server.socket.close(1012);
  assert.equal(waitOf(tab, browser.clock), 3_000);
  tab.client.wake();
  await browser.clock.pass(2_999);
  assert.equal(browser.server.sockets.length, 1);
  await browser.clock.pass(1);
  assert.equal(browser.server.sockets.length, 2);
});

test("Retry-After is obeyed: of a refused handshake, and of a refresh", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  browser.server.answers["OPTIONS /ws"] = () => [503, { code: "draining" }, { "retry-after": "7" }];
  await browser.server.socket.close(1006);
  await browser.clock.pass(250);
  await browser.server.socket.close(1006); // the handshake fails
  await browser.clock.pass(0);
  assert.equal(waitOf(tab, browser.clock), 7_000);

  browser.server.answers["POST /v1/users/refresh"] = () => [429, { code: "rate_limited", retry_after_ms: 9_000 }];
  await browser.clock.pass(7_000);
  await browser.server.socket.hello();
  await browser.server.socket.close(4040);
  await browser.clock.pass(0);
  assert.equal(waitOf(tab, browser.clock), 9_000);
});

for (const code of [4501, 4502, 4503, 4505, 4999]) {
  test(`it does not come back by itself after ${code}`, async () => {
    const browser = new FakeBrowser();
    const tab = await browser.loggedIn();
    await browser.server.socket.close(code);
    assert.equal(status(tab).state, "refused");
    assert.ok(status(tab).reason.length > 10);
    tab.client.wake();
    await browser.clock.pass(600_000);
    assert.equal(browser.server.sockets.length, 1);
    tab.client.connection.start();
    await browser.clock.pass(0);
    assert.equal(browser.server.sockets.length, 2);
  });
}

test("it comes back after 4000 to 4499, and more slowly if it was too fast", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  for (const [code, expected] of [[4008, 250], [4012, 500], [4029, 7_500]]) {
    await browser.server.socket.close(code);
    assert.equal(waitOf(tab, browser.clock), expected, code);
    await browser.clock.pass(expected);
    await browser.server.socket.hello();
  }
});

for (const code of [4040, 4500]) {
  test(`after ${code} it comes back with a new token, and gives up if that is refused too`, async () => {
    const browser = new FakeBrowser();
    const tab = await browser.loggedIn();
    await browser.server.socket.close(code);
    await browser.clock.pass(0);
    assert.equal(waitOf(tab, browser.clock), 250);
    await browser.clock.pass(250);
    assert.equal(browser.server.socket.protocols[1], "bearer.access2");
    for (let refused = 0; refused < 2; refused += 1) {
      browser.server.socket.end.onopen({});
      await browser.server.socket.close(code);
      await browser.clock.pass(1_000);
    }
    assert.equal(tab.ended().length, 1);
    assert.equal(tab.client.user, null);
  });
}

test("a silent connection is pinged, and left if nothing answers", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const [first] = browser.server.sockets;
  await browser.clock.pass(29_999);
  assert.equal(first.sentOf("ping").length, 0);
  await browser.clock.pass(1);
  assert.equal(first.sentOf("ping").length, 1);
  await first.tell({ type: "pong" });
  await browser.clock.pass(30_000);
  assert.equal(first.sentOf("ping").length, 2);
  await browser.clock.pass(9_999);
  assert.equal(status(tab).state, "connected");
  await browser.clock.pass(1);
  assert.equal(status(tab).state, "waiting");
  assert.notEqual(first.closedByClient, null);
  // Its close event comes much later, and changes nothing.
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  await first.close(1006);
  assert.equal(status(tab).state, "connected");
});

test("a server that answers nothing for 5 s is silent, until it says something", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  await browser.clock.pass(4_000);
  const { id } = tab.client.send("0198-room", "hello");
  await browser.clock.pass(4_999);
  assert.equal(status(tab).isSilent, false);
  await browser.clock.pass(1);
  assert.deepEqual(status(tab), { state: "connected", reason: "", retryAt: null, isSilent: true });
  const message = { id, sender_id: "0198-ada", conversation_id: "0198-room", seq: 1, content: "hello" };
  await browser.server.socket.tell({ type: "message.new", conversation_id: "0198-room", seq: 1, message });
  assert.equal(status(tab).isSilent, false);
  // Nothing is under way, and nothing is said.
  tab.client.typing.note("0198-room");
  await browser.clock.pass(29_000);
  assert.equal(status(tab).isSilent, false);
});

test("a lost connection has its cause, also while the client connects again", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  for (const [code, reason] of [[1006, "The connection was lost"], [1012, "The server restarts"], [1013, "The server is overloaded"]]) {
    await browser.server.socket.close(code);
    assert.deepEqual([status(tab).state, status(tab).reason], ["waiting", reason]);
    await browser.clock.pass(waitOf(tab, browser.clock));
    assert.deepEqual([status(tab).state, status(tab).reason], ["connecting", reason]);
    await browser.server.socket.hello();
    assert.deepEqual([status(tab).state, status(tab).reason], ["connected", ""]);
  }
  browser.server.isReachable = false;
  await browser.server.socket.close(1006);
  await browser.clock.pass(waitOf(tab, browser.clock));
  await browser.server.socket.close(1006);
  await browser.clock.pass(0);
  assert.equal(status(tab).reason, "The server cannot be reached");
});

test("probes that follow each other do not put the end off", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  for (let second = 0; second < 10; second += 1) {
    tab.client.wake();
    await browser.clock.pass(1_000);
  }
  assert.equal(browser.server.sockets[0].sentOf("ping").length, 1);
  assert.equal(status(tab).state, "waiting");
});

test("a handshake that nobody answers is given up after 10 s", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  await tab.client.login("ada", "correct horse");
  await browser.clock.pass(4_999);
  assert.equal(status(tab).isSilent, false);
  await browser.clock.pass(1);
  assert.equal(status(tab).isSilent, true);
  await browser.clock.pass(4_999);
  assert.equal(status(tab).state, "connecting");
  await browser.clock.pass(1);
  assert.equal(status(tab).state, "waiting");
});

test("a token is renewed before it expires, and the connection gets it", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const frames = [];
  tab.client.on("frame", ({ direction, frame }) => frames.push(`${direction} ${frame.type} ${frame.token ?? ""}`));
  const keepAlive = async (milliseconds) => {
    for (let left = milliseconds; left > 0; left -= 20_000) {
      await browser.clock.pass(Math.min(left, 20_000));
      await browser.server.socket.tell({ type: "heartbeat", membership_version: 1 });
    }
  };
  await keepAlive(839_999);
  assert.deepEqual(browser.server.socket.sentOf("auth"), []);
  await keepAlive(1);
  assert.deepEqual(browser.server.socket.sentOf("auth"), [{ type: "auth", token: "access2" }]);
  assert.equal(browser.server.sockets.length, 1);
  assert.deepEqual(frames.slice(-2), ["out auth …", "in heartbeat "], "observers see no token");
});

test("a handler that fails stops neither the others nor the client", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  const heard = [];
  const failure = new Error("a fault of the page");
  tab.client.on("message", () => { throw failure; });
  const end = tab.client.on("message", ({ message }) => heard.push(message.id));
  const frame = (seq) => ({ type: "message.new", conversation_id: "0198-room", seq, message: { id: `m${seq}`, seq, conversation_id: "0198-room" } });
  await browser.server.socket.tell(frame(1));
  await assert.rejects(browser.clock.pass(10), failure, "the fault is reported");
  end();
  await browser.server.socket.tell(frame(2));
  assert.deepEqual(heard, ["m1"]);
  assert.equal(status(tab).state, "connected");
});

test("a connection that is dropped comes back, and a token that is expired is renewed", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.loggedIn();
  tab.client.connection.drop();
  assert.deepEqual([status(tab).state, status(tab).reason], ["waiting", "The connection was lost"]);
  tab.client.connection.drop();
  assert.equal(waitOf(tab, browser.clock), 250, "there is nothing to drop");
  await browser.clock.pass(250);
  await browser.server.socket.hello();
  tab.client.expireToken();
  browser.server.answers["GET /v1/users/me"] = ({ token }) => [200, { token }];
  assert.equal((await tab.client.rest.get("/v1/users/me")).token, "access2");
  assert.deepEqual(browser.server.socket.sentOf("auth"), [{ type: "auth", token: "access2" }]);
});
