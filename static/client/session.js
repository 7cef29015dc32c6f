// The login of the user: its tokens, their refresh, and its end. All tabs that share a login learn of its refreshes and its end.

import { asProblem, Problem } from "./http.js";
import { Refresher } from "./refresher.js";
import { TokenStore } from "./token-store.js";
import { uuid7 } from "./uuid7.js";

/** @import { Environment, Tokens, User } from "./types.js" */
/** @import { Http } from "./http.js" */

/**
 * @typedef {object} Hooks
 * @property {(accessToken: string) => void} refreshed
 * @property {(end: { user: User, reason: string, isWiped: boolean }) => void} ended `isWiped`: nothing of the user may stay in this browser
 */

const REFRESH = "/v1/users/refresh";
const SOON_MS = 10_000; // a token that expires so soon is not used any more
const EARLY_MS = 60_000; // how long before its expiry a token is refreshed
const RETRY_MS = 15_000;
const PAUSE_MS = 1_000; // between two refreshes at least, if tokens live for seconds
const REFUSALS = [400, 401, 403, 422]; // of a refresh; a server that is busy or gone says nothing about the session

export class Session {
  #environment;
  #http;
  #store;
  #hooks;
  #refresher;
  /** @type {Tokens | null} */
  #tokens = null;
  #isKept = false;
  #timer = 0;

  /** @param {Environment} environment @param {Http} http @param {Hooks} hooks */
  constructor(environment, http, hooks) {
    this.#environment = environment;
    this.#http = http;
    this.#hooks = hooks;
    this.#store = new TokenStore(environment.storage);
    this.#refresher = new Refresher(environment, {
      current: () => this.#present(),
      look: () => this.#adopt(this.#store.read()?.tokens),
      exchange: (used) => this.#exchange(used),
    });
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

  /** Takes what an answer says about the user. @param {User} user */
  learnUser(user) {
    if (this.#tokens?.user.id !== user.id) return;
    this.#tokens = { ...this.#tokens, user };
    this.#store.update(this.#tokens, this.#isKept);
  }

  /** Logs out at once. A server that does not answer must not prevent it. */
  async logout() {
    const tokens = this.#tokens;
    this.end("", { isWiped: true });
    if (tokens) await this.#logoutOnServer(tokens).catch(() => {});
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

  /** Takes the access token for expired. */
  expire() {
    if (this.#tokens) this.#tokens = { ...this.#tokens, expires_at: this.#environment.clock.now() };
  }

  /** Returns a new access token. */
  refresh() {
    return this.#refresher.refresh();
  }

  close() {
    this.#environment.clock.clearTimeout(this.#timer);
    this.#environment.channel?.close();
  }

  /** Gets new tokens from the server. @param {Tokens} used */
  async #exchange({ refresh_token, login }) {
    const isSame = () => this.#tokens?.refresh_token === refresh_token;
    try {
      const answer = await this.#http.request("POST", REFRESH, { body: { refresh_token } });
      if (!isSame()) return;
      const tokens = this.#tokensOf(answer, login);
      this.#replace(tokens);
      this.#environment.channel?.postMessage({ refreshed: tokens });
    } catch (error) {
      if (isSame() && REFUSALS.includes(asProblem(error).status)) this.end("Your session has ended. Please log in again.");
      throw error;
    }
  }

  // An access token that has expired ends no session, and its refresh token would live on.
  /** @param {Tokens} tokens */
  async #logoutOnServer({ access_token, refresh_token }) {
    const logout = (/** @type {string} */ token) => this.#http.request("POST", "/v1/users/logout", { token });
    try {
      await logout(access_token);
    } catch (error) {
      if (asProblem(error).code !== "token_expired") throw error;
      const answer = await this.#http.request("POST", REFRESH, { body: { refresh_token } });
      await logout(answer.access_token);
    }
  }

  /** @param {{ refreshed?: Tokens, ended?: { login: string, reason: string, isWiped: boolean } }} news from another tab */
  #learn({ refreshed, ended }) {
    if (refreshed && refreshed.login === this.#tokens?.login) {
      this.#adopt(refreshed);
      this.#refresher.refreshedElsewhere();
    }
    if (ended && ended.login === this.#tokens?.login) this.#forget(ended.reason || "You have logged out.", ended.isWiped);
  }

  /** Takes tokens that another tab has got for this login. @param {Tokens | undefined} tokens */
  #adopt(tokens) {
    if (!tokens || tokens.login !== this.#tokens?.login) return;
    const { expires_at, refresh_token } = this.#tokens;
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
    }, Math.max(milliseconds, PAUSE_MS));
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
