// The login of the user: its tokens, their refresh, and its end. All tabs that share a login learn of its refreshes and its end.

import { asProblem, Problem } from "./http.js";
import { asOneRefresher } from "./one-refresher.js";
import { TokenStore } from "./token-store.js";
import { uuid7 } from "./uuid7.js";

/** @import { Environment, Tokens, User } from "./types.js" */
/** @import { Http } from "./http.js" */

/**
 * @typedef {object} Hooks
 * @property {(accessToken: string) => void} refreshed
 * @property {(end: { user: User, reason: string, isWiped: boolean }) => void} ended `isWiped`: nothing of the user may stay in this browser
 */

const SOON_MS = 10_000; // a token that expires so soon is not used any more
const EARLY_MS = 60_000; // how long before its expiry a token is refreshed
const RETRY_MS = 15_000;
const NEWS_MS = 500; // in which a tab that has refreshed has told the others
const REFUSALS = [400, 401, 403, 422]; // of a refresh; a server that is busy or gone says nothing about the session

export class Session {
  #environment;
  #http;
  #store;
  #hooks;
  /** @type {Tokens | null} */
  #tokens = null;
  #isKept = false;
  /** @type {Promise<string> | null} */
  #refreshing = null;
  #timer = 0;
  #heard = () => {}; // called when another tab has refreshed the login

  /** @param {Environment} environment @param {Http} http @param {Hooks} hooks */
  constructor(environment, http, hooks) {
    this.#environment = environment;
    this.#http = http;
    this.#hooks = hooks;
    this.#store = new TokenStore(environment.storage);
    const found = this.#store.read();
    if (found) this.#accept(found.tokens, found.isKept);
    if (environment.channel) environment.channel.onmessage = ({ data }) => this.#learn(data);
  }

  /** @returns {User | null} */
  get user() {
    return this.#tokens?.user ?? null;
  }

  /** True if the login survives closing the browser. */
  get isKept() {
    return this.#isKept;
  }

  /** @param {{ username: string, password: string, name?: string, invite?: string }} account */
  register(account) {
    return this.#http.request("POST", "/v1/users/register", { body: account });
  }

  /**
   * @param {string} username
   * @param {string} password
   * @param {boolean} isKept
   * @returns {Promise<User>}
   */
  async login(username, password, isKept) {
    const answer = await this.#http.request("POST", "/v1/users/login", { body: { username, password } });
    const tokens = this.#tokensOf(answer, uuid7(this.#environment.clock.now()));
    this.#store.write(tokens, isKept);
    this.#accept(tokens, isKept);
    return answer.user;
  }

  /** Logs out at once. A server that does not answer must not prevent it. */
  async logout() {
    const token = this.#tokens?.access_token;
    this.end("", { isWiped: true });
    if (token) await this.#http.request("POST", "/v1/users/logout", { token }).catch(() => {});
  }

  /**
   * Ends the session in this browser.
   * @param {string} reason
   * @param {{ isWiped?: boolean }} [how]
   */
  end(reason, { isWiped = false } = {}) {
    const login = this.#tokens?.login;
    this.#forget(reason, isWiped);
    if (login) this.#environment.channel?.postMessage({ ended: { login, reason, isWiped } });
  }

  /** Returns an access token that does not expire soon. */
  async token() {
    const { expires_at, access_token } = this.#present();
    return expires_at - this.#environment.clock.now() > SOON_MS ? access_token : this.refresh();
  }

  /** Returns a new access token; or, if another call or tab has got one already, that one. */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  close() {
    this.#environment.clock.clearTimeout(this.#timer);
    this.#environment.channel?.close();
  }

  async #refresh() {
    const { refresh_token, login } = this.#present();
    return asOneRefresher(this.#environment, (hasWaited) => this.#exchange(refresh_token, login, hasWaited));
  }

  /** @param {string} refresh_token @param {string} login @param {boolean} hasWaited another tab has refreshed a moment ago */
  async #exchange(refresh_token, login, hasWaited) {
    const found = this.#store.read()?.tokens;
    if (found?.login === login) this.#adopt(found);
    // Between processes of a browser a lock can be faster than a storage.
    if (hasWaited && this.#present().refresh_token === refresh_token) await this.#news();
    if (this.#present().refresh_token !== refresh_token) return this.#present().access_token;
    try {
      const answer = await this.#http.request("POST", "/v1/users/refresh", { body: { refresh_token } });
      if (this.#present().refresh_token === refresh_token) {
        const tokens = this.#tokensOf(answer, login);
        this.#replace(tokens);
        this.#environment.channel?.postMessage({ refreshed: tokens });
      }
    } catch (error) {
      const isSame = this.#tokens?.refresh_token === refresh_token;
      if (isSame && REFUSALS.includes(asProblem(error).status)) this.end("Your session has ended. Please log in again.");
      throw error;
    }
    return this.#present().access_token;
  }

  /** @param {{ refreshed?: Tokens, ended?: { login: string, reason: string, isWiped: boolean } }} news from another tab */
  #learn({ refreshed, ended }) {
    if (refreshed && refreshed.login === this.#tokens?.login) {
      this.#adopt(refreshed);
      this.#heard();
    }
    if (ended && ended.login === this.#tokens?.login) this.#forget(ended.reason || "You have logged out.", ended.isWiped);
  }

  /** Waits for another tab to tell of its refresh. @returns {Promise<void>} */
  #news() {
    return new Promise((resolve) => {
      const timer = this.#environment.clock.setTimeout(resolve, NEWS_MS);
      this.#heard = () => {
        this.#environment.clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @param {Tokens} tokens of the same login */
  #adopt(tokens) {
    const { expires_at, refresh_token } = this.#present();
    if (tokens.refresh_token !== refresh_token && tokens.expires_at >= expires_at) this.#replace(tokens);
  }

  /** @param {Tokens} tokens of the same login */
  #replace(tokens) {
    this.#store.update(tokens, this.#isKept);
    this.#accept(tokens, this.#isKept);
    this.#hooks.refreshed(tokens.access_token);
  }

  #present() {
    if (!this.#tokens) throw new Problem(401, { code: "unauthorized", detail: "You are logged out." });
    return this.#tokens;
  }

  /** @param {any} answer @param {string} login @returns {Tokens} */
  #tokensOf({ access_token, refresh_token, expires_in, user }, login) {
    const lasts_ms = expires_in * 1000;
    return { login, access_token, refresh_token, user, lasts_ms, expires_at: this.#environment.clock.now() + lasts_ms };
  }

  /** @param {Tokens} tokens @param {boolean} isKept */
  #accept(tokens, isKept) {
    this.#tokens = tokens;
    this.#isKept = isKept;
    const { now } = this.#environment.clock;
    this.#refreshAfter(tokens.expires_at - now() - Math.min(EARLY_MS, tokens.lasts_ms / 5));
  }

  /** @param {number} milliseconds */
  #refreshAfter(milliseconds) {
    const { clock } = this.#environment;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => {
      this.refresh().catch((error) => this.#tokens && this.#refreshAfter(asProblem(error).retryAfterMs ?? RETRY_MS));
    }, Math.max(milliseconds, 1_000));
  }

  /** @param {string} reason @param {boolean} isWiped */
  #forget(reason, isWiped) {
    const tokens = this.#tokens;
    if (!tokens) return;
    this.#environment.clock.clearTimeout(this.#timer);
    this.#tokens = null;
    this.#store.remove(tokens.login);
    this.#hooks.ended({ user: tokens.user, reason, isWiped });
  }
}
