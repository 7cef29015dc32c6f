// The test bench: shows the frames of the connection, and does to it what happens seldom. Everything that it knows and does comes from the events
// and methods of the client module, so it shows what a client of one's own can do.

import { copyText } from "../page/clipboard.js";
import { el, fill, icon } from "../page/dom.js";
import { titleOf } from "../page/names.js";
import { client, on } from "../page/page-client.js";
import { FrameLog, masked, matches } from "./frame-log.js";
import { loadStyle } from "./style.js";

const CONVERSATIONS_MOST = 50;
const DETAIL_MOST = 20_000; // characters of one frame that are shown
const NEAR_END = 40; // pixels that still count as being at the end
const SAID_MS = 6_000;
const EXAMPLE = '{"type": "ping", "ref": "bench"}';

const log = new FrameLog(() => performance.now());
let panel = null;

export async function open() {
  await loadStyle("bench.css");
  panel ??= new Bench();
  panel.show();
}

class Bench {
  #node;
  #list;
  #filter;
  #pause;
  #stats;
  #heads;
  #duplicate;
  #frame;
  #said;
  #isPaused = false;
  #isDrawing = false;
  #newestDrawn = 0; // the number of the newest frame that the list has
  #saidTimer = 0;
  #focusBefore = null;
  #unobserve = null; // ends the observation of frames

  constructor() {
    this.#build();
    document.body.append(this.#node);
    for (const topic of ["conversations", "timeline", "connection"]) on(topic, () => this.#draw());
  }

  show() {
    this.#unobserve ??= client.on("frame", ({ direction, frame }) => {
      log.add(direction, frame);
      this.#draw();
    });
    if (!this.#node.hidden) return this.#filter.focus();
    this.#focusBefore = document.activeElement;
    this.#node.hidden = false;
    document.body.dataset.bench = "open";
    this.#draw();
    this.#filter.focus();
  }

  // A closed bench costs nothing.
  #hide() {
    this.#unobserve?.();
    this.#unobserve = null;
    this.#node.hidden = true;
    delete document.body.dataset.bench;
    if (this.#focusBefore?.checkVisibility()) this.#focusBefore.focus();
  }

  #build() {
    const button = (name, id, act) => el("button", { type: "button", class: "secondary small", "data-testid": id, click: act }, name);
    this.#filter = el("input", { type: "search", "data-testid": "bench-filter", placeholder: "Filter: message.new", "aria-label": "Filter the frames", autocomplete: "off", spellcheck: "false", input: () => this.#redraw() });
    this.#pause = button("Pause", "bench-pause", () => this.#togglePause());
    this.#pause.setAttribute("aria-pressed", "false");
    this.#list = el("ol", { class: "bench-frames", tabindex: "0", "aria-label": "Frames", "data-testid": "bench-frames" });
    this.#list.addEventListener("toggle", ({ target }) => this.#showDetail(target), { capture: true });
    this.#stats = el("p", { class: "bench-stats", "data-testid": "bench-stats" });
    this.#heads = el("tbody", { "data-testid": "bench-heads" });
    this.#duplicate = button("Send a duplicate", "bench-duplicate", () => this.#sendDuplicate());
    this.#frame = el("textarea", { rows: "2", "aria-label": "Frame to send, as JSON", "data-testid": "bench-frame", spellcheck: "false", dir: "ltr" });
    this.#frame.value = EXAMPLE;
    this.#said = el("p", { class: "bench-said", role: "status", "data-testid": "bench-said" });
    this.#node = el("section", { class: "bench", "aria-labelledby": "bench-title", "data-testid": "bench", hidden: true, keydown: (event) => event.key === "Escape" && this.#hide() },
      el("header", { class: "bar" }, el("h2", { id: "bench-title" }, "Test bench"),
        el("button", { type: "button", class: "round ghost", "aria-label": "Close the test bench", "data-testid": "bench-close", click: () => this.#hide() }, icon("close"))),
      el("div", { class: "bench-body" },
        this.#stats,
        el("div", { class: "bench-buttons", role: "group", "aria-label": "Connection" },
          button("Drop the socket", "bench-drop", () => this.#drop()), this.#duplicate, button("Expire the token", "bench-expire", () => this.#expire())),
        el("form", { class: "bench-send", submit: (event) => this.#send(event) }, this.#frame, el("button", { class: "primary small", "data-testid": "bench-send" }, "Send")),
        this.#said,
        el("div", { class: "bench-buttons" }, this.#filter, this.#pause, button("Copy as JSON", "bench-copy", () => this.#copy()), button("Clear", "bench-clear", () => this.#clear())),
        this.#list,
        el("details", { class: "bench-numbers" }, el("summary", {}, "Numbers of the conversations"),
          el("table", {}, el("thead", {}, el("tr", {}, ...["Conversation", "Last", "Seen", "Head"].map((name) => el("th", { scope: "col" }, name)))), this.#heads))));
  }

  /** Draws soon: a burst of frames is drawn once. */
  #draw() {
    if (this.#isDrawing || this.#node.hidden) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#drawStats();
      this.#drawHeads();
      if (!this.#isPaused) this.#drawFrames();
    });
  }

  #redraw() {
    this.#newestDrawn = 0;
    this.#list.replaceChildren();
    this.#drawFrames();
    this.#drawStats();
  }

  #drawFrames() {
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < NEAR_END;
    const oldest = log.entries[0]?.number ?? Infinity;
    while (Number(this.#list.firstChild?.dataset.number) < oldest) this.#list.firstChild.remove();
    const fresh = log.entries.filter((entry) => entry.number > this.#newestDrawn && matches(entry, this.#filter.value));
    this.#list.append(...fresh.map(row));
    this.#newestDrawn = log.count;
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #drawStats() {
    const { state } = client.connection.status;
    const latency = log.latency();
    const hidden = this.#isPaused ? ` · paused, ${log.count - this.#newestDrawn} more` : "";
    const took = latency ? `acknowledged in ${ms(latency.last)}, median ${ms(latency.median)}, 95 % ${ms(latency.p95)}, at most ${ms(latency.most)} (${latency.count})` : "no acknowledgement yet";
    this.#stats.textContent = `${state} · ${log.count} frames${hidden} · ${took}`;
    this.#duplicate.disabled = !log.lastSend || !client.connection.isLive;
  }

  #drawHeads() {
    const conversations = client.conversations.sorted().slice(0, CONVERSATIONS_MOST);
    fill(this.#heads, ...conversations.map((conversation) => {
      const { id, last_seq: last } = conversation;
      const timeline = client.history.get(id);
      const head = log.heads.get(id);
      const isBehind = Boolean(timeline?.isLoaded && head > timeline.seen);
      return el("tr", { "data-id": id, "data-behind": String(isBehind) }, el("th", { scope: "row" }, titleOf(conversation)),
        ...[last, timeline?.isLoaded ? timeline.seen : null, head].map((number) => el("td", {}, String(number ?? "–"))));
    }));
  }

  #showDetail(details) {
    const body = details.querySelector("pre");
    if (!details.open || body.textContent) return;
    const entry = log.entries.find(({ number }) => String(number) === details.parentNode.dataset.number);
    const text = entry ? masked(JSON.parse(entry.text), 2) : "";
    body.textContent = text.length > DETAIL_MOST ? `${text.slice(0, DETAIL_MOST)}\n… ${text.length - DETAIL_MOST} characters more` : text;
  }

  #togglePause() {
    this.#isPaused = !this.#isPaused;
    this.#pause.setAttribute("aria-pressed", String(this.#isPaused));
    this.#pause.textContent = this.#isPaused ? "Go on" : "Pause";
    if (!this.#isPaused) this.#drawFrames();
    this.#drawStats();
  }

  #clear() {
    log.clear();
    this.#redraw();
  }

  async #copy() {
    const frames = log.matching(this.#filter.value).map(({ at, direction, text, ackMs }) => ({
      at: new Date(performance.timeOrigin + at).toISOString(), direction, ...(ackMs !== null && { acknowledged_ms: Math.round(ackMs) }), frame: JSON.parse(text),
    }));
    const isCopied = await copyText(JSON.stringify(frames, null, 2));
    this.#say(isCopied ? `${frames.length === 1 ? "1 frame is" : `${frames.length} frames are`} in the clipboard.` : "The browser does not let the page copy.");
  }

  #drop() {
    client.connection.drop();
    this.#say("The socket is dropped. The client connects again and resumes.");
  }

  #sendDuplicate() {
    const { id } = log.lastSend;
    const end = client.on("frame", ({ direction, frame }) => {
      if (direction !== "in" || frame.message?.id !== id) return;
      end();
      this.#say(`The same id is the same message: number ${frame.message.seq} again, and nobody else hears of it.`);
    });
    client.connection.send(log.lastSend);
    this.#say("Sent once more.");
  }

  async #expire() {
    client.expireToken();
    const began = performance.now();
    try {
      await client.rest.get("/v1/users/me");
      this.#say(`The token was renewed for the next call, in ${ms(performance.now() - began)}. The connection got it in a frame "auth".`);
    } catch (problem) {
      this.#say(`The token could not be renewed: ${problem.message}`);
    }
  }

  #send(event) {
    event.preventDefault();
    let frame;
    try {
      frame = JSON.parse(this.#frame.value);
    } catch (error) {
      return this.#say(`This is no JSON: ${error.message}`);
    }
    if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return this.#say("A frame is one JSON object.");
    this.#say(client.connection.send(frame) ? "Sent." : "There is no connection.");
  }

  #say(words) {
    clearTimeout(this.#saidTimer);
    this.#said.textContent = words;
    this.#saidTimer = setTimeout(() => { this.#said.textContent = ""; }, SAID_MS);
  }
}

const ms = (milliseconds) => `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;

const timeFormat = new Intl.DateTimeFormat("en", { hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

function row({ number, at, direction, type, text, ackMs }) {
  const words = direction === "in" ? "received" : "sent";
  return el("li", { "data-number": String(number), "data-direction": direction, "data-type": type, "data-testid": "bench-row" },
    el("details", {},
      el("summary", {},
        el("span", { class: "bench-way", "aria-label": words, role: "img" }, direction === "in" ? "↓" : "↑"),
        el("time", {}, timeFormat.format(performance.timeOrigin + at)),
        el("span", { class: "bench-type" }, type),
        el("span", { class: "bench-text" }, text.slice(0, 300)),
        ackMs !== null && el("span", { class: "bench-ack" }, ms(ackMs))),
      el("pre", { tabindex: "0" })));
}
