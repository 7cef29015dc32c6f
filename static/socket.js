// One WebSocket for all conversations, which reconnects whenever it is lost.

import * as api from "./api.js";

const SILENCE_MS = 30_000; // idle for this long: ping the server
const ANSWER_MS = 10_000; // and no answer for this long: reconnect
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const BREATHER_MS = 5_000; // after a close code that means "too fast"
const PENALTY_MS = 60_000; // after a refusal that means "do not reconnect until something changes"
const UNOPENED_MOST = 3; // so many handshakes may fail by chance while the server answers requests

const REASONS = {
  4501: "The server did not understand this page",
  4505: "Too many connections are open",
};

export class Socket {
  live = false;
  #ws = null;
  #stopped = true;
  #attempts = 0;
  #refusals = 0;
  #unopened = 0; // handshakes in a row that failed
  #askedToWait = null;
  #timers = { connect: 0, countdown: 0, silence: 0 };
  #hooks;

  /** hooks: frame(frame), live(), state(name, {seconds, reason}), tooBig(), ended(reason) */
  constructor(hooks) {
    this.#hooks = hooks;
    addEventListener("online", () => this.#hurry());
    addEventListener("offline", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    addEventListener("pageshow", (event) => event.persisted && this.#hurry());
  }

  start() {
    this.#stopped = false;
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    this.#detach(1000);
  }

  /** Returns false if there is no connection; the caller sends again when the socket is live. */
  send(frame) {
    if (!this.live) return false;
    this.#ws.send(JSON.stringify(frame));
    return true;
  }

  async #connect() {
    this.#detach();
    this.#tell("connecting");
    const attempt = (this.#ws = {}); // stands for the socket while the token is fetched
    let token;
    try {
      token = await api.token();
    } catch {
      if (attempt === this.#ws) this.#retry();
      return;
    }
    if (this.#stopped || attempt !== this.#ws) return;
    const url = location.origin.replace(/^http/, "ws") + "/ws";
    const ws = (this.#ws = new WebSocket(url, ["chinwag.v1", `bearer.${token}`]));
    ws.onmessage = (event) => ws === this.#ws && this.#heard(event.data);
    let opened = false;
    ws.onopen = () => { opened = true; };
    ws.onclose = (event) => ws === this.#ws && (opened ? this.#lost(event.code) : this.#refused());
    this.#timers.silence = setTimeout(() => this.#retry(), ANSWER_MS);
  }

  #heard(data) {
    this.#listen();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === "hello") {
      this.live = true;
      this.#attempts = this.#refusals = this.#unopened = 0;
      this.#tell("connected");
      this.#hooks.live(frame);
    } else if (frame.type === "draining") {
      this.#askedToWait = frame.reconnect_after_ms;
    }
    this.#hooks.frame(frame);
  }

  // A network can fail silently (a closed lid, another Wi-Fi): the socket then stays open for minutes, and only a
  // ping detects it.
  #listen() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.#probe(), SILENCE_MS);
  }

  #probe() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.#retry(), ANSWER_MS);
    this.send({ type: "ping" });
  }

  #lost(code) {
    if (code === 1009) this.#hooks.tooBig();
    this.#detach();
    if (code === 4040 && this.#refusals === 0) return this.#refresh();
    if (code === 4500 || code === 4504) {
      if (this.#refusals > 0) return this.#hooks.ended("You have been logged out. Please log in again.");
      return this.#refresh();
    }
    if (code === 4029) return this.#wait(BREATHER_MS * (1 + Math.random()), "Messages came too fast");
    if (code >= 4500 && code !== 4502) return this.#wait(PENALTY_MS, REASONS[code] ?? `The server closed the connection (${code})`);
    this.#retry();
  }

  // A browser hides why a handshake failed.
  async #refused() {
    this.#detach();
    const attempt = (this.#ws = {});
    const answer = await api.askHandshake();
    if (this.#stopped || attempt !== this.#ws) return;
    if (answer === "foreign") {
      return this.#wait(PENALTY_MS, `The server does not know this page as ${location.origin}; its proxy must pass on Host`);
    }
    this.#unopened = answer === "open" ? this.#unopened + 1 : 0;
    this.#retry(this.#unopened >= UNOPENED_MOST ? "The server answers, but no WebSocket gets through to it" : "");
  }

  async #refresh() {
    this.#refusals += 1;
    this.#tell("connecting");
    try {
      await api.refresh(); // a refused refresh ends the session by itself
      if (!this.#stopped) this.#connect();
    } catch {
      if (!this.#stopped) this.#retry();
    }
  }

  // Full jitter: a thousand clients that lost the same server must not reconnect at the same time.
  #retry(reason) {
    this.#detach();
    if (this.#stopped) return;
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    const asked = this.#askedToWait;
    this.#askedToWait = null;
    this.#wait(asked ?? Math.random() * longest, reason);
  }

  #wait(milliseconds, reason = "") {
    const until = Date.now() + milliseconds;
    this.#timers.connect = setTimeout(() => this.#connect(), milliseconds);
    const count = () => {
      const left = until - Date.now();
      this.#tell("waiting", { seconds: Math.max(1, Math.ceil(left / 1000)), reason });
      if (left > 1000) this.#timers.countdown = setTimeout(count, left % 1000 || 1000);
    };
    count();
  }

  // The network or the user is back: reconnects at once when waiting, pings at once when connected.
  #hurry() {
    if (this.#stopped) return;
    if (this.live) this.#probe();
    else if (this.#timers.connect) this.#connect();
  }

  #detach(code) {
    for (const name of Object.keys(this.#timers)) {
      clearTimeout(this.#timers[name]);
      this.#timers[name] = 0;
    }
    const ws = this.#ws;
    this.#ws = null;
    this.live = false;
    // Its close event may take minutes on a dead network, so the page does not wait for it.
    if (ws instanceof WebSocket) ws.close(...(code ? [code] : []));
  }

  // The page shows the browser's report that there is no network but does not rely on it: a server on this machine
  // still answers. So the attempts continue.
  #tell(state, details = {}) {
    this.#hooks.state(state !== "connected" && !navigator.onLine ? "offline" : state, details);
  }
}
