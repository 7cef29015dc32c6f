// One WebSocket for all conversations, which connects again whenever it is lost.
//
//   stopped → connecting → connected → waiting → connecting …
//                                    ↘ refused (until start() is called again)

import { Backoff } from "./backoff.js";
import { closing, TOO_BIG } from "./close-codes.js";
import { Handshake } from "./handshake.js";
import { Heartbeat } from "./heartbeat.js";
import { asProblem } from "./http.js";

/** @import { ConnectionState, ConnectionStatus, Environment, Frame } from "./types.js" */
/** @import { Http } from "./http.js" */
/** @import { Session } from "./session.js" */

/**
 * @typedef {object} Hooks
 * @property {(hello: Frame) => void} live the server sends what happens from now on
 * @property {(frame: Frame) => void} frame
 * @property {(frame: Frame) => void} sent
 * @property {(status: ConnectionStatus) => void} changed
 * @property {() => void} tooBig
 */

const PROTOCOL = "chinwag.v1";
const BREATHER_MS = 5_000; // after a close code that means "too fast"
const REFRESHES_MOST = 2;
const ANSWERED = ["message.send", "resume", "ping"]; // the frames that the server answers
const NO_ANSWER = "The server does not answer";
const LOST = 1006; // the close code of a connection that ends without one
const BACK_SOON = 4000; // the close code of a client that connects again: the server goes on showing its user for a while
const LASTING_MS = 60_000; // before the next attempt after a handshake failed for a reason that will not pass by itself

export class Connection {
  /** @type {ConnectionStatus} */
  status = { state: "stopped", reason: "", retryAt: null, isSilent: false };
  #environment;
  #session;
  #hooks;
  #backoff;
  #handshake;
  #heartbeat;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0; // of what belongs to an attempt that was given up, nothing counts any more
  #timer = 0;
  #refreshes = 0; // in a row, because the server refused the access token

  /**
   * @param {Environment} environment
   * @param {{ http: Http, session: Session }} parts
   * @param {Hooks} hooks
   */
  constructor(environment, { http, session }, hooks) {
    this.#environment = environment;
    this.#session = session;
    this.#hooks = hooks;
    this.#backoff = new Backoff(environment);
    this.#handshake = new Handshake(environment, http);
    this.#heartbeat = new Heartbeat(environment, {
      ping: () => this.send({ type: "ping" }),
      dead: () => this.#retry({ reason: NO_ANSWER }),
      silent: () => this.#change(this.status.state, this.status.reason, null, true),
    });
  }

  get isLive() {
    return this.status.state === "connected";
  }

  /** Connects; also after the server refused this client. */
  start() {
    if (this.status.state === "stopped" || this.status.state === "refused") this.#connect();
  }

  stop() {
    this.#detach(1000);
    this.#change("stopped");
  }

  /**
   * Returns false if there is no connection; the caller sends again when there is one.
   * @param {Frame} frame
   */
  send(frame) {
    if (!this.isLive || !this.#socket) return false;
    this.#socket.send(JSON.stringify(frame));
    if (ANSWERED.includes(frame.type)) this.#heartbeat.expectAnswer();
    this.#hooks.sent(frame);
    return true;
  }

  /** Cuts the connection, as a lost network does. The client connects again by itself. */
  drop() {
    if (this.#socket) this.#retry({ reason: closing(LOST).reason });
  }

  /** Asks the server for a sign of life. Without one the connection is lost. */
  probe() {
    if (this.isLive) this.#heartbeat.probe();
  }

  /** The network or the user is back: connects at once, unless the server asked to wait. */
  wake() {
    if (this.isLive) this.probe();
    else if (this.status.state === "waiting" && this.#backoff.askedMs() === 0) this.#connect();
  }

  async #connect() {
    this.#detach();
    // The reason of the last failure holds until an attempt succeeds.
    this.#change("connecting", this.status.state === "waiting" ? this.status.reason : "");
    const attempt = this.#attempt;
    let token;
    try {
      token = await this.#session.token();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (!this.#session.user) return this.stop();
      return this.#retry({ retryAfterMs: asProblem(error).retryAfterMs });
    }
    if (attempt !== this.#attempt) return;
    const url = this.#environment.baseUrl.replace(/^http/, "ws") + "/ws";
    const socket = (this.#socket = new this.#environment.WebSocket(url, [PROTOCOL, `bearer.${token}`]));
    let isOpen = false;
    socket.onopen = () => { isOpen = true; };
    socket.onmessage = ({ data }) => attempt === this.#attempt && this.#receive(data);
    socket.onclose = ({ code }) => {
      if (attempt !== this.#attempt) return;
      if (isOpen) this.#lost(code);
      else this.#explain();
    };
    this.#heartbeat.handshake();
  }

  /** @param {string} data */
  #receive(data) {
    this.#heartbeat.received();
    if (this.status.isSilent && this.isLive) this.#change("connected");
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === "hello") this.#opened(frame);
    else if (frame.type === "draining") this.#backoff.obey(frame.reconnect_after_ms ?? 0);
    this.#hooks.frame(frame);
  }

  /** @param {Frame} hello */
  #opened(hello) {
    this.#refreshes = 0;
    this.#backoff.opened();
    this.#handshake.succeeded();
    this.#heartbeat.expectEvery(hello.heartbeat_ms);
    this.#change("connected");
    this.#hooks.live(hello);
  }

  /** @param {number} code */
  #lost(code) {
    if (code === TOO_BIG) this.#hooks.tooBig();
    const { action, reason } = closing(code);
    if (action === "end") return this.#session.end(reason, { isWiped: true });
    if (action === "refresh") return this.#refresh();
    this.#detach();
    if (action === "refuse") return this.#change("refused", reason);
    if (action === "pause") this.#backoff.obey(BREATHER_MS * (1 + this.#environment.random()));
    this.#retry({ reason });
  }

  // A new token that is refused too, without a hello in between, is no matter of time. The next attempt waits like any other: a server
  // that takes no token for long would otherwise be asked without end.
  async #refresh() {
    this.#detach();
    this.#refreshes += 1;
    if (this.#refreshes > REFRESHES_MOST) return this.#session.end("You have been logged out. Please log in again.");
    this.#change("connecting");
    const attempt = this.#attempt;
    try {
      await this.#session.refresh();
      if (attempt === this.#attempt) this.#retry();
    } catch (error) {
      if (attempt === this.#attempt) this.#retry({ retryAfterMs: asProblem(error).retryAfterMs });
    }
  }

  async #explain() {
    this.#detach();
    const attempt = this.#attempt;
    const { reason, isLasting, retryAfterMs } = await this.#handshake.explain();
    if (attempt !== this.#attempt) return;
    if (isLasting) this.#wait(LASTING_MS, reason);
    else this.#retry({ reason, retryAfterMs });
  }

  /** @param {{ reason?: string, retryAfterMs?: number | null }} [why] */
  #retry({ reason, retryAfterMs } = {}) {
    this.#detach();
    if (retryAfterMs) this.#backoff.obey(retryAfterMs);
    this.#wait(this.#backoff.next(), reason);
  }

  /** @param {number} milliseconds @param {string} [reason] */
  #wait(milliseconds, reason) {
    const { clock } = this.#environment;
    this.#timer = clock.setTimeout(() => this.#connect(), milliseconds);
    this.#change("waiting", reason, clock.now() + milliseconds);
  }

  /** @param {number} [code] */
  #detach(code = BACK_SOON) {
    this.#attempt += 1;
    this.#environment.clock.clearTimeout(this.#timer);
    this.#heartbeat.stop();
    this.#backoff.closed();
    const socket = this.#socket;
    this.#socket = null;
    // Its close event may take minutes on a dead network, so nothing waits for it.
    socket?.close(code);
  }

  /** @param {ConnectionState} state @param {string} [reason] @param {number | null} [retryAt] @param {boolean} [isSilent] */
  #change(state, reason = "", retryAt = null, isSilent = false) {
    this.status = { state, reason, retryAt, isSilent };
    this.#hooks.changed(this.status);
  }
}
