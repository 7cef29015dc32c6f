// Applies the server's frames to the client's data. A frame of a new type needs one row in `FRAMES`.

import { REF as READ } from "./read-state.js";
import { REF as RESUME } from "./resume.js";

/** @import { Blocks } from "./blocks.js" */
/** @import { ConversationList } from "./conversation-list.js" */
/** @import { Conversations } from "./conversations.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { Emitter } from "./emitter.js" */
/** @import { History } from "./history.js" */
/** @import { Notifications } from "./notifications.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { People } from "./people.js" */
/** @import { ReadState } from "./read-state.js" */
/** @import { Resume } from "./resume.js" */
/** @import { Session } from "./session.js" */
/** @import { Settings } from "./settings.js" */
/** @import { Typing } from "./typing.js" */
/** @import { Conversation, Frame, HistoryPage, Message } from "./types.js" */

/**
 * @typedef {object} Parts
 * @property {Session} session
 * @property {Blocks} blocks
 * @property {Notifications} notifications
 * @property {People} people
 * @property {Conversations} conversations
 * @property {ConversationList} list
 * @property {History} history
 * @property {Resume} resume
 * @property {ReadState} readState
 * @property {Outbox} outbox
 * @property {Settings} settings
 * @property {Typing} typing
 * @property {Drafts} drafts
 * @property {Emitter} emitter
 */

export class Sync {
  #parts;
  /** @type {number | undefined} changes with each conversation that the user joins or leaves */
  #membershipVersion;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The server sends all events from here on. Earlier ones are loaded now. @param {Frame} hello */
  goLive({ membership_version, user }) {
    const { history, list, outbox, people, readState, resume, settings } = this.#parts;
    this.#membershipVersion = membership_version;
    people.learn(user);
    readState.begin();
    outbox.resend();
    resume.all();
    for (const [id, { isLoaded }] of history.timelines) if (!isLoaded) history.loadNewest(id);
    list.load();
    settings.load();
  }

  /** @param {Frame} frame */
  apply(frame) {
    this.#frames[frame.type]?.(frame);
    if (!frame.seq || !frame.conversation_id) return;
    // Events of kinds that this client does not know have numbers too.
    this.#parts.conversations.raise(frame.conversation_id, frame.seq);
    this.#parts.resume.advance(frame.conversation_id, frame.seq, frame.message);
  }

  /** A message as an answer shows it; its event may come before or after. @param {Message} message */
  learnMessage(message) {
    const { conversations, emitter, history } = this.#parts;
    if (history.get(message.conversation_id)?.apply(message)) emitter.changed("timeline");
    conversations.show(message);
  }

  /** A page of history has been loaded. @param {string} conversationId @param {HistoryPage} page */
  loaded(conversationId, page) {
    for (const message of page.items) this.#parts.outbox.settle(message);
    // Between the answer and the events there may be a gap; a resume costs one frame and fills it.
    this.#parts.resume.one(conversationId);
    if (page.last_seq) this.#parts.readState.received(conversationId, page.last_seq);
  }

  /** The user is not, or no longer, in this conversation. @param {string} conversationId */
  lose(conversationId) {
    const { conversations, drafts, history, list, outbox } = this.#parts;
    list.forget(conversationId);
    outbox.discardConversation(conversationId);
    drafts.set(conversationId, "");
    history.forget(conversationId);
    conversations.forget(conversationId);
  }

  /** @type {Record<string, (frame: Frame) => void>} */
  #frames = {
    "message.new": (frame) => this.#applyNumbered(frame),
    "message.updated": (frame) => this.#applyNumbered(frame),
    "message.deleted": (frame) => this.#applyNumbered(frame),
    "member.added": (frame) => this.#applyMembership(frame),
    "member.updated": (frame) => this.#applyMembership(frame),
    "member.removed": (frame) => this.#applyMembership(frame),
    "conversation.updated": (frame) => this.#applyMembership(frame),
    "conversation.created": ({ conversation, membership_version }) => {
      this.#membershipVersion = membership_version ?? this.#membershipVersion;
      // All members get the same bytes, so the user's own values (peer, unread) are looked up.
      this.#parts.list.fetch(conversation.id);
    },
    "conversation.deleted": ({ conversation, conversation_id, membership_version }) => {
      this.#membershipVersion = membership_version ?? this.#membershipVersion;
      this.lose(conversation?.id ?? conversation_id);
    },
    "conversation.state": (frame) => this.#parts.readState.apply(frame) || this.#parts.list.fetch(frame.conversation_id),
    "settings.updated": (frame) => this.#parts.settings.apply(frame),
    "typing.start": (frame) => this.#parts.typing.started(frame),
    "typing.stop": (frame) => this.#parts.typing.stopped(frame),
    "presence.state": ({ users }) => this.#parts.people.replacePresence(users ?? {}),
    "presence.diff": (diff) => this.#parts.people.applyPresence(/** @type {any} */ (diff)),
    resumed: (frame) => {
      this.#parts.resume.resumed(frame);
      this.#parts.emitter.changed("timeline");
    },
    heartbeat: (frame) => this.#compare(frame),
    error: (frame) => this.#refused(frame),
  };

  /** @param {Frame} frame */
  #applyNumbered({ type, message, conversation_id, seq }) {
    const { blocks, conversations, emitter, history, list, notifications, outbox, readState, session, typing } = this.#parts;
    const [timeline, conversation] = [history.get(conversation_id), conversations.get(conversation_id)];
    const isKnown = timeline?.isLoaded ? timeline.byId.has(message?.id) : (conversation?.last_seq ?? 0) >= seq;
    if (message) {
      outbox.settle(message);
      if (timeline?.receive(message)) emitter.changed("timeline");
    }
    const isMention = Boolean(message && notifications.mentionsUser(message) && !blocks.has(message.sender_id));
    if (conversation) conversations.advance(conversation, seq, message, session.user?.id, isMention);
    else list.fetch(conversation_id);
    if (conversation && message) this.#correctMentions(conversation, type, message, isMention);
    if (type !== "message.new" || !message) return;
    typing.stopped({ type, conversation_id, user_id: message.sender_id });
    if (message.sender_id !== session.user?.id) readState.received(conversation_id, seq);
    if (!isKnown) emitter.emit("message", { message });
  }

  /**
   * The server alone knows the count where a mention is not from whom it seems: of a user who is blocked, or in a message that has changed.
   * @param {Conversation} conversation @param {string} type @param {Message} message @param {boolean} isMention
   */
  #correctMentions({ id, mention_count, read_seq }, type, message, isMention) {
    const { blocks, list } = this.#parts;
    if (type !== "message.new") {
      if (mention_count && message.seq > (read_seq ?? 0)) list.fetch(id);
    } else if (isMention && !blocks.isLoaded) {
      blocks.load().then(() => void (blocks.has(message.sender_id) && list.fetch(id)), () => {});
    }
  }

  /** @param {Frame} frame */
  #applyMembership(frame) {
    const { conversations, list, people, session } = this.#parts;
    const { conversation_id, conversation, member, message, seq, type } = frame;
    const subjectId = member?.user?.id ?? member?.user_id ?? message?.system?.user_id;
    if (type === "member.removed" && subjectId === session.user?.id) {
      this.#membershipVersion = frame.membership_version ?? this.#membershipVersion;
      // A replayed removal may be older than a later addition.
      if (!((conversations.get(conversation_id)?.last_seq ?? 0) > seq)) return this.lose(conversation_id);
    }
    this.#applyNumbered({ ...frame, message: message?.id ? message : null });
    if (conversation) conversations.learn({ id: conversation_id, ...shared(conversation) });
    else if (conversations.has(conversation_id)) list.fetch(conversation_id);
    if (type !== "conversation.updated") people.membersChanged(conversation_id);
  }

  /** A heartbeat names what this client must have: the newest numbers, and the version of its conversations. @param {Frame} frame */
  #compare({ heads = {}, membership_version }) {
    const { conversations, list, resume } = this.#parts;
    resume.compare(heads);
    const isBehind = Object.entries(heads).some(([id, head]) => (conversations.get(id)?.last_seq ?? 0) < head);
    if (!isBehind && (membership_version === undefined || membership_version === this.#membershipVersion)) return;
    this.#membershipVersion = membership_version;
    list.load();
  }

  /** @param {Frame} frame an error */
  #refused(frame) {
    const { list, outbox, readState, resume } = this.#parts;
    if (outbox.refuse(frame)) return;
    if (frame.ref === READ) readState.refused(frame);
    if (frame.code === "resync") this.#startOver(frame.conversation_id);
    else if (frame.status === 404 && frame.conversation_id) list.fetch(frame.conversation_id);
    else if (frame.ref === RESUME && frame.retryable) resume.refused(frame);
  }

  /** The numbers that this client has are not the server's, as after a restored backup. @param {string | undefined} conversationId */
  #startOver(conversationId) {
    const { conversations, history, list } = this.#parts;
    for (const id of conversationId ? [conversationId] : [...history.timelines.keys()]) {
      const isLoaded = history.timelines.has(id);
      history.forget(id);
      conversations.distrust(id);
      list.fetch(id);
      if (isLoaded) history.loadNewest(id);
    }
  }
}

/**
 * Returns the fields of a conversation that are the same for all members.
 * @param {Partial<Conversation>} conversation
 */
function shared({ name, member_count }) {
  return Object.fromEntries(Object.entries({ name, member_count }).filter(([, value]) => value !== undefined));
}
