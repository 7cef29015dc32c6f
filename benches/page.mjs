// The page under load: the longest tasks of its main thread with 5,000 loaded messages, while one types and while 100 messages come in 4 s.
//
//     CHINWAG_RATE_LIMITS=off CHINWAG_LISTEN=127.0.0.1:8080 CHINWAG_DATA=$(mktemp -d) chinwag &
//     make bench-page URL=http://127.0.0.1:8080
//
// It drives a Chromium by the DevTools protocol, and takes the tasks from its trace.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [url = "http://127.0.0.1:8080", count = "5000"] = process.argv.slice(2);
const LONG_MS = 50;
const BURST = 100;
const BURST_MS = 4_000;
const KEY_MS = 60;
const AT_ONCE = 50; // sends under way while the history is made
const PASSWORD = "correct horse battery";
const wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

const [reader, writer] = await Promise.all([register("reader"), register("writer")]);
const room = await call(writer, "POST", "/v1/conversations", { type: "group", name: "Bench", member_ids: [reader.user.id] });
for (let sent = 0; sent < Number(count); sent += AT_ONCE) {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => send((sent + i) % 3 ? writer : reader, `message ${sent + i} ${"and so on ".repeat((sent + i) % 12)}`)));
}
await send(reader, "the last one"); // so that nothing is unread

const { page, close } = await openBrowser();
try {
  await logIn();
  await evaluate(`location.hash = ${JSON.stringify(room.id)}`);
  await until("document.querySelectorAll('[data-testid=message]').length > 20");
  console.log("reader at the end, as the page opens:");
  await measureAll();
  const loadStart = Date.now();
  const loading = await traced(async () => {
    while ((await evaluate("document.getElementById('load-state').dataset.state")) !== "complete") {
      await evaluate("document.getElementById('scroller').scrollTop = 0");
      await wait(50);
    }
  });
  console.log(`loading ${count} messages by scrolling up, ${Date.now() - loadStart} ms:`);
  print("loading", loading);
  await evaluate("document.getElementById('scroller').scrollTop = 2000");
  console.log(`reader near the first of them, ${await evaluate("document.querySelectorAll('[data-testid=message]').length")} rows:`);
  await measureAll();
} finally {
  close();
}

async function measureAll() {
  print("typing 60 keys", await traced(type));
  print(`${BURST} messages in ${BURST_MS / 1000} s`, await traced(burst));
  print("both", await traced(() => Promise.all([type(), burst()])));
  print("presence of the writer", await traced(presence));
}

async function type() {
  await evaluate("document.getElementById('composer-text').focus()");
  for (let i = 0; i < 60; i += 1) {
    const text = i % 20 === 19 ? " " : "x";
    await page("Input.dispatchKeyEvent", { type: "keyDown", key: text, text });
    await page("Input.dispatchKeyEvent", { type: "keyUp", key: text });
    await wait(KEY_MS);
  }
}

async function burst() {
  const start = Date.now();
  const sends = [];
  for (let i = 0; i < BURST; i += 1) {
    sends.push(send(writer, `burst ${i}`));
    await wait(start + ((i + 1) * BURST_MS) / BURST - Date.now());
  }
  await Promise.all(sends);
  await wait(300);
}

async function presence() {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws?token=${writer.access_token}`, ["chinwag.v1"]);
  await wait(1_200);
  socket.close();
  await wait(1_200);
}

function print(what, tasks) {
  const figures = ["wall", "cpu"].map((clock) => {
    const times = tasks.map((task) => task[clock]);
    return `${clock}: longest task ${Math.max(0, ...times).toFixed(1)} ms, ${times.filter((ms) => ms > LONG_MS).length} over ${LONG_MS} ms, ${times.reduce((sum, ms) => sum + ms, 0).toFixed(0)} ms in all`;
  });
  console.log(`  ${what}: ${figures.join("; ")}`);
}

async function register(username) {
  const name = `${username}${Date.now()}`;
  await call(null, "POST", "/v1/users/register", { username: name, password: PASSWORD });
  return { ...(await call(null, "POST", "/v1/users/login", { username: name, password: PASSWORD })), username: name };
}

function send(user, content) {
  return call(user, "POST", `/v1/conversations/${room.id}/messages`, { content });
}

async function call(user, method, path, body) {
  const headers = { "content-type": "application/json", ...(user && { authorization: `Bearer ${user.access_token}` }) };
  const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function logIn() {
  await until("document.getElementById('auth-username')?.checkVisibility()");
  await evaluate(`document.getElementById('auth-username').value = ${JSON.stringify(reader.username)}`);
  await evaluate(`document.getElementById('auth-password').value = ${JSON.stringify(PASSWORD)}`);
  await evaluate("document.getElementById('auth-form').requestSubmit()");
  await until("document.getElementById('connection-state').dataset.state === 'connected'");
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await page("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
  return result.value;
}

async function until(expression) {
  while (!(await evaluate(expression))) await wait(50);
}

/** Returns how long the main thread's tasks took while `work` ran, in ms: by the clock, and in CPU time, which other programs do not lengthen. */
async function traced(work) {
  page.events.length = 0;
  await page("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] } }, "browser");
  await work();
  const done = page.event("Tracing.tracingComplete");
  await page("Tracing.end", {}, "browser");
  await done;
  const renderers = page.events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`);
  return page.events.filter(({ name, pid, tid }) => name.endsWith("RunTask") && renderers.includes(`${pid} ${tid}`)).map(({ dur = 0, tdur = dur }) => ({ wall: dur / 1000, cpu: tdur / 1000 }));
}

async function openBrowser() {
  const folder = mkdtempSync(join(tmpdir(), "chinwag-bench-"));
  const chromium = spawn("chromium", ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", `--user-data-dir=${folder}`, "--window-size=1280,800"], { stdio: ["ignore", "ignore", "pipe"] });
  const address = await new Promise((resolve) => {
    chromium.stderr.on("data", (data) => {
      const found = /DevTools listening on (\S+)/.exec(String(data));
      if (found) resolve(found[1]);
    });
  });
  const socket = new WebSocket(address);
  await new Promise((resolve) => { socket.onopen = resolve; });
  const waiting = new Map();
  const listeners = new Map();
  let sessionId;
  let id = 0;
  const command = (method, params = {}, target = "page") => new Promise((resolve, reject) => {
    id += 1;
    waiting.set(id, { resolve, reject });
    socket.send(JSON.stringify({ id, method, params, ...(target === "page" && sessionId && { sessionId }) }));
  });
  command.events = [];
  command.event = (method) => new Promise((resolve) => { listeners.set(method, resolve); });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    const { resolve, reject } = waiting.get(message.id) ?? {};
    if (message.error) reject?.(new Error(message.error.message));
    else resolve?.(message.result);
    if (message.method === "Tracing.dataCollected") for (const event of message.params.value) command.events.push(event);
    listeners.get(message.method)?.();
  };
  const { targetId } = await command("Target.createTarget", { url });
  ({ sessionId } = await command("Target.attachToTarget", { targetId, flatten: true }));
  const close = () => {
    socket.close();
    chromium.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    chromium.kill();
  };
  return { page: command, close };
}
