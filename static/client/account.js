// The user's own account: name, password, settings, sessions, blocked people, and its end.

import { PagedList } from "./paged-list.js";

/** @import { Emitter } from "./emitter.js" */
/** @import { People } from "./people.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Session } from "./session.js" */
/** @import { User } from "./types.js" */

const BLOCKS = "/v1/users/me/blocks?limit=200";
const SESSIONS = "/v1/users/me/sessions?limit=50";

export class Account {
  /** @type {ReadonlyMap<string, User> | null} the blocked people by id, another map after each change; null until they are loaded */
  blocked = null;
  #rest;
  #session;
  #people;
  #emitter;
  /** @type {Promise<void> | null} */
  #loading = null;

  /** @param {{ rest: Rest, session: Session, people: People, emitter: Emitter }} parts */
  constructor({ rest, session, people, emitter }) {
    this.#rest = rest;
    this.#session = session;
    this.#people = people;
    this.#emitter = emitter;
  }

  /** Returns the user with `settings`. */
  async load() {
    return this.#learn(await this.#rest.get("/v1/users/me"));
  }

  /**
   * Changes what is given, and returns the user with `settings`.
   * @param {{ name?: string, password?: string, current_password?: string, settings?: Record<string, unknown> }} change
   */
  async update(change) {
    return this.#learn(await this.#rest.patch("/v1/users/me", change));
  }

  /** Returns the list of the sessions, not yet started. @param {() => void} changed */
  sessions(changed) {
    const list = new PagedList(this.#rest, { changed });
    return Object.assign(list, { begin: () => list.start(SESSIONS) });
  }

  /** Logs out elsewhere. @param {string} sessionId */
  endSession(sessionId) {
    return this.#rest.remove(`/v1/users/me/sessions/${sessionId}`);
  }

  /** Loads the blocked people, unless that was done. */
  loadBlocked() {
    this.#loading ??= this.#loadBlocked().catch((error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** @param {User} user */
  async block(user) {
    await this.#rest.put(`/v1/users/${user.id}/block`);
    if (this.blocked) this.blocked = new Map(this.blocked).set(user.id, user);
    this.#emitter.changed("people");
  }

  /** @param {string} userId */
  async unblock(userId) {
    await this.#rest.remove(`/v1/users/${userId}/block`);
    this.blocked = this.blocked && new Map([...this.blocked].filter(([id]) => id !== userId));
    this.#emitter.changed("people");
  }

  /** Deletes the account for ever. Nothing of the user stays in this browser. @param {string} password */
  async delete(password) {
    await this.#rest.remove("/v1/users/me", { password });
    this.#session.end("Your account is deleted.", { isWiped: true });
  }

  wipe() {
    this.blocked = null;
    this.#loading = null;
  }

  async #loadBlocked() {
    const blocks = await this.#rest.all(BLOCKS);
    this.blocked = new Map(blocks.map(({ user }) => [user.id, user]));
    for (const { user } of blocks) this.#people.learn(user);
    this.#emitter.changed("people");
  }

  /** @param {any} user */
  #learn(user) {
    const { settings, ...known } = user;
    this.#session.learnUser(known);
    this.#people.learn(known);
    return user;
  }
}
