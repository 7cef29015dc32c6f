// The users whom the client knows, their presence, and the members of conversations.

/** @import { Emitter } from "./emitter.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Member, User } from "./types.js" */

const PAGE = 200;
const MEMBERS_MOST = 1000; // enough to show; a group may have ten times as many

export class People {
  /** @type {Map<string, User>} by id */
  users = new Map();
  /** @type {Map<string, Member[]>} by conversation */
  members = new Map();
  /** @type {Map<string, string>} by user */
  #presence = new Map();
  /** @type {Map<string, Promise<unknown>>} */
  #lookups = new Map();
  #loads = 0;
  /** @type {Map<string, number>} by conversation, the newest load of its members that has been answered */
  #answered = new Map();
  #rest;
  #emitter;

  /** @param {Rest} rest @param {Emitter} emitter */
  constructor(rest, emitter) {
    this.#rest = rest;
    this.#emitter = emitter;
  }

  /** @param {Partial<User> | null | undefined} user */
  learn(user) {
    if (!user?.id) return;
    this.users.set(user.id, { ...this.users.get(user.id), .../** @type {User} */ (user) });
    if (user.status !== undefined) this.#presence.set(user.id, user.status);
    this.#emitter.changed("people");
  }

  /**
   * Returns a user. One who is not known yet is looked up, and the event `change` follows.
   * @param {string} userId
   */
  find(userId) {
    const user = this.users.get(userId);
    if (!user) this.#once(`user ${userId}`, async () => this.learn(await this.#rest.get(`/v1/users/${userId}`)));
    return user;
  }

  /** @param {string} userId */
  statusOf(userId) {
    return this.#presence.get(userId) ?? "offline";
  }

  /**
   * Replaces what is known of presence: everybody who is not named is offline.
   * @param {Record<string, string>} users
   */
  replacePresence(users) {
    this.#presence = new Map(Object.entries(users));
    this.#emitter.changed("people");
  }

  /** @param {Record<string, string[] | undefined>} diff */
  applyPresence(diff) {
    for (const status of ["online", "away", "offline"]) {
      for (const id of diff[status] ?? []) this.#presence.set(id, status);
    }
    this.#emitter.changed("people");
  }

  /**
   * Loads the members of a conversation, unless that was done. Answers may overtake each other: one that was asked for earlier than the last is older.
   * @param {string} conversationId
   */
  loadMembers(conversationId) {
    return this.#once(`members ${conversationId}`, async () => {
      const load = (this.#loads += 1);
      const all = await this.#rest.all(`/v1/conversations/${conversationId}/members?limit=${PAGE}`, MEMBERS_MOST);
      if (load < (this.#answered.get(conversationId) ?? 0)) return;
      this.#answered.set(conversationId, load);
      for (const member of all) this.learn(member.user);
      this.members.set(conversationId, all);
      this.#emitter.changed("people", "conversations");
    });
  }

  /**
   * The members have changed: loads them again if they were loaded before.
   * @param {string} conversationId
   */
  membersChanged(conversationId) {
    if (this.#lookups.has(`members ${conversationId}`)) this.reloadMembers(conversationId);
  }

  /**
   * Loads the members of a conversation, also if that was done.
   * @param {string} conversationId
   */
  reloadMembers(conversationId) {
    this.#lookups.delete(`members ${conversationId}`);
    return this.loadMembers(conversationId);
  }

  /**
   * Returns a user's role in a conversation, `member` as long as it is not known.
   * @param {string} conversationId @param {string | undefined} userId
   */
  roleOf(conversationId, userId) {
    return this.members.get(conversationId)?.find(({ user }) => user.id === userId)?.role ?? "member";
  }

  /** @param {string} conversationId */
  forgetMembers(conversationId) {
    this.members.delete(conversationId);
    this.#answered.delete(conversationId);
    this.#lookups.delete(`members ${conversationId}`);
  }

  wipe() {
    for (const known of [this.users, this.members, this.#presence, this.#lookups, this.#answered]) known.clear();
  }

  /**
   * Runs a look-up once for all callers while it is under way. A failed one may be repeated.
   * @param {string} key @param {() => Promise<unknown>} work
   */
  #once(key, work) {
    const running = this.#lookups.get(key) ?? work().catch(() => this.#lookups.delete(key));
    this.#lookups.set(key, running);
    return running;
  }
}
