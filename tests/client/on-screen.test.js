// The notifications on the screen.

import assert from "node:assert/strict";
import test from "node:test";

import { listNotifications, showNotification } from "../../static/page/on-screen.js";
import { settled } from "./support/clock.js";

/** The part of a browser that shows notifications. Like Chromium it loses one that is shown while it is asked for the list. */
function install() {
  const [kept, asking] = [[], new Set()];
  let queue = Promise.resolve();
  const registration = {
    showNotification: async (title) => {
      for (const answer of asking) answer.lost.add(title);
      kept.push(title);
      await settled();
    },
    getNotifications: async () => {
      const answer = { lost: new Set() };
      asking.add(answer);
      await settled();
      asking.delete(answer);
      for (const title of answer.lost) kept.splice(kept.indexOf(title), 1);
      return [...kept];
    },
  };
  const request = (name, work) => {
    const done = queue.then(() => work({ name }));
    queue = done.catch(() => {});
    return done;
  };
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks: { request }, serviceWorker: { ready: Promise.resolve(registration) } } });
}

test("a notification that is shown while another is looked for stays", async () => {
  install();
  const looks = [listNotifications(), listNotifications()];
  await Promise.all([showNotification("Grace"), ...looks]);
  assert.deepEqual(await listNotifications(), ["Grace"]);
});
