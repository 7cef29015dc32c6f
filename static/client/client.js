// The client as its user sees it: its parts, put together.

import { Account } from "./account.js";
import { Connection } from "./connection.js";
import { ConversationList } from "./conversation-list.js";
import { Conversations } from "./conversations.js";
import { Drafts } from "./drafts.js";
import { Emitter } from "./emitter.js";
import { makeEnvironment } from "./environment.js";
import { History } from "./history.js";
import { Http } from "./http.js";
import { Notifications } from "./notifications.js";
import { Outbox } from "./outbox.js";
import { OwnPresence } from "./own-presence.js";
import { People } from "./people.js";
import { Pins } from "./pins.js";
import { Reactions } from "./reactions.js";
import { ReadState } from "./read-state.js";
import { Receipts } from "./receipts.js";
import { Rest } from "./rest.js";
import { Resume } from "./resume.js";
import { Saved } from "./saved.js";
import { Search } from "./search.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { Sync } from "./sync.js";
import { Typing } from "./typing.js";

/** @import { Frame, Options, Reply, User } from "./types.js" */

export class Client {
  #emitter;
  #session;
  #sync;

  /** @param {Options} options */
  constructor(options) {
    const environment = makeEnvironment(options);
    const emitter = (this.#emitter = new Emitter(environment));
    const http = new Http(environment);
    const session = (this.#session = new Session(environment, http, {
      refreshed: (token) => void this.connection.send({ type: "auth", token }),
      ended: (end) => this.#ended(end),
    }));
    /** Calls of the REST API in the user's name. */
    this.rest = new Rest(http, session);
    /** The WebSocket. */
    this.connection = new Connection(environment, { http, session }, {
      live: (hello) => this.#sync.goLive(hello),
      frame: (frame) => this.#received(frame),
      sent: (frame) => this.#observe("out", frame),
      tooBig: () => this.outbox.failLongest(),
      changed: (status) => {
        if (status.state !== "connected") {
          this.outbox.suspend();
          this.typing.wipe();
        }
        emitter.emit("connection", status);
        emitter.changed("connection", "people");
      },
    });
    /** The users, their presence, and members. */
    this.people = new People(this.rest, emitter);
    /** The user's own account: name, settings, sessions, blocked people. */
    this.account = new Account({ rest: this.rest, session, people: this.people, emitter });
    /** The search for people and messages. */
    this.search = new Search(this.rest, this.people);
    /** The user's conversations. */
    this.conversations = new Conversations(this.people, emitter);
    /** The user's settings. */
    this.settings = new Settings(this.rest, emitter);
    /** The messages that the user keeps for later. */
    this.saved = new Saved(this.rest, emitter);
    /** What the user is notified of. */
    this.notifications = new Notifications(environment, this.rest, session, this.conversations, this.settings);
    /** How much of the list of conversations is loaded. */
    this.list = new ConversationList(environment, this.rest, this.conversations, emitter, {
      lost: (id) => this.#sync.lose(id),
      received: (conversation) => this.#sync.listed(conversation),
    });
    /** The messages that are loaded. */
    this.history = new History(this.rest, emitter, {
      loaded: (id, page) => this.#sync.loaded(id, page),
      missing: (id) => this.#sync.lose(id),
    });
    /** The reactions to messages. */
    this.reactions = new Reactions(this.rest, this.history, emitter);
    /** The pinned messages. */
    this.pins = new Pins(environment, this.rest, this.history, emitter);
    /** The messages that are not acknowledged yet. */
    this.outbox = new Outbox(environment, this.connection, emitter);
    /** Texts that are begun and not sent. */
    this.drafts = new Drafts(environment);
    /** How far the user has read. */
    this.readState = new ReadState(environment, this.connection, this.conversations);
    /** How far others have received and read. */
    this.receipts = new Receipts(this.account, emitter);
    /** Whether the user is at this device. */
    this.presence = new OwnPresence(environment, this.connection);
    /** Who types. */
    this.typing = new Typing(environment, this.connection, emitter);
    const resume = (this.resume = new Resume(environment, this.connection, this.history));
    const { account, people, conversations, settings, notifications, saved, list, history, pins, readState, receipts, presence, typing, outbox, drafts } = this;
    this.#sync = new Sync({ session, account, people, conversations, settings, notifications, saved, list, history, pins, resume, readState, receipts, presence, typing, outbox, drafts, emitter });
  }

  /** @param {string} type @param {(detail: any) => void} handler @returns {() => void} ends the subscription */
  on(type, handler) {
    return this.#emitter.on(type, handler);
  }

  /** The user who is logged in, or null. */
  get user() {
    return this.#session.user;
  }

  /** True if the login survives closing the browser. */
  get isKept() {
    return this.#session.isKept;
  }

  /** False if something that is not sent would be lost with the page. A page warns before it is closed then. */
  get isSafe() {
    return this.outbox.isSafe && this.drafts.isSafe;
  }

  /** Goes on with the login that this browser keeps. Returns the user, or null if there is none. */
  start() {
    const user = this.#session.user;
    if (user) this.#begin(user);
    return user;
  }

  /** @param {{ username: string, password: string, name?: string, invite?: string }} account @returns {Promise<User>} */
  register(account) {
    return this.#session.register(account);
  }

  /**
   * Logs in, and connects.
   * @param {string} username @param {string} password
   * @param {{ isKept?: boolean }} [how] `isKept`: the login survives closing the browser
   */
  async login(username, password, { isKept = false } = {}) {
    if (this.user) await this.logout();
    const user = await this.#session.login(username, password, isKept);
    this.#begin(user);
    return user;
  }

  /** Logs out. Nothing of the user stays in this browser. */
  logout() {
    return this.#session.logout();
  }

  /** Loads the newest messages of a conversation, and keeps them complete from then on. @param {string} conversationId */
  async open(conversationId) {
    if (!this.history.get(conversationId)?.isLoaded) await this.history.loadNewest(conversationId);
  }

  /**
   * Loads the messages around a number, and keeps them complete from then on. Returns false if that failed.
   * @param {string} conversationId @param {number} seq
   */
  openAround(conversationId, seq) {
    return this.history.loadAround(conversationId, seq);
  }

  /** Loads the newest messages of a conversation, unless they are loaded. @param {string} conversationId */
  async openNewest(conversationId) {
    const timeline = this.history.get(conversationId);
    return (timeline?.isLoaded && timeline.isNewest) || this.history.loadNewest(conversationId);
  }

  /**
   * Sends a message. Returns null if too many wait to be sent.
   * @param {string} conversationId @param {string} content
   * @param {{ replyTo?: Reply | null }} [more] `replyTo`: the message that it answers
   */
  send(conversationId, content, more) {
    return this.outbox.send(conversationId, content, more);
  }

  /** Applies a message that a call of REST has answered with. @param {import("./types.js").Message} message */
  learnMessage(message) {
    this.#sync.learnMessage(message);
  }

  /** The user is not, or no longer, in this conversation. @param {string} conversationId */
  lose(conversationId) {
    this.#sync.lose(conversationId);
  }

  /** The network or the user is back. A page calls it for the events `online`, `pageshow` and `visibilitychange`. */
  wake() {
    this.connection.wake();
  }

  /** Takes the access token for expired, as a test of the refresh: the next call or connection gets a new one. */
  expireToken() {
    this.#session.expire();
  }

  /** Ends the work of this client. The login stays. */
  close() {
    this.connection.stop();
    this.resume.stop();
    this.list.stop();
    this.readState.wipe();
    this.presence.stop();
    this.typing.wipe();
    this.outbox.close();
    this.#session.close();
  }

  /** @param {User} user */
  #begin(user) {
    this.people.learn(user);
    this.outbox.start(user, this.#session.isKept);
    this.drafts.open(user.id, this.#session.isKept);
    this.connection.start();
  }

  /** @param {Frame} frame */
  #received(frame) {
    this.#observe("in", frame);
    this.#sync.apply(frame);
  }

  /** @param {"in" | "out"} direction @param {Frame} frame */
  #observe(direction, frame) {
    if (this.#emitter.hears("frame")) this.#emitter.emit("frame", { direction, frame: withoutToken(frame) });
  }

  /** @param {{ user: User, reason: string, isWiped: boolean }} end */
  #ended({ user, reason, isWiped }) {
    this.connection.stop();
    this.resume.stop();
    this.presence.stop();
    this.outbox.stop({ isWiped });
    this.drafts.close({ isWiped });
    for (const part of [this.account, this.conversations, this.people, this.settings, this.saved, this.history, this.list, this.readState, this.receipts, this.typing, this.reactions, this.pins]) part.wipe();
    this.#emitter.emit("ended", { user, reason, isWiped });
  }
}

/** @param {Frame} frame */
const withoutToken = (frame) => (frame.type === "auth" ? { ...frame, token: "…" } : frame);
