// Applies the server's frames to the client's data. A frame of a new type needs one row in `FRAMES`.

import { withChange } from "./reaction-counts.js";
import { REF as READ } from "./read-state.js";
import { REF as RESUME } from "./resume.js";

/** @import { Account } from "./account.js" */
/** @import { ConversationList } from "./conversation-list.js" */
/** @import { Conversations } from "./conversations.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { Emitter } from "./emitter.js" */
/** @import { History } from "./history.js" */
/** @import { Notifications } from "./notifications.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { OwnPresence } from "./own-presence.js" */
/** @import { People } from "./people.js" */
/** @import { Pins } from "./pins.js" */
/** @import { ReadState } from "./read-state.js" */
/** @import { Receipts } from "./receipts.js" */
/** @import { Resume } from "./resume.js" */
/** @import { Saved } from "./saved.js" */
/** @import { Session } from "./session.js" */
/** @import { Settings } from "./settings.js" */
/** @import { Typing } from "./typing.js" */
/** @import { Conversation, Frame, HistoryPage, Message } from "./types.js" */

/**
 * @typedef {object} Parts
 * @property {Session} session
 * @property {Account} account
 * @property {Notifications} notifications
 * @property {People} people
 * @property {Conversations} conversations
 * @property {ConversationList} list
 * @property {History} history
 * @property {Resume} resume
 * @property {ReadState} readState
 * @property {Pins} pins
 * @property {Receipts} receipts
 * @property {OwnPresence} presence
 * @property {Outbox} outbox
 * @property {Settings} settings
 * @property {Saved} saved
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
    const { history, list, outbox, people, pins, presence, readState, resume, saved, settings } = this.#parts;
    this.#membershipVersion = membership_version;
    people.learn(user);
    readState.begin();
    presence.begin();
    outbox.resend();
    resume.all();
    for (const [id, { isLoaded }] of history.timelines) {
      if (!isLoaded) history.reload(id);
      else if (!pins.in(id)) pins.load(id);
    }
    list.load();
    settings.load();
    if (saved.isLoaded) saved.load().catch(() => {});
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
    this.#parts.conversations.show(message);
    this.#showChanged(message);
  }

  /** A page of history has been loaded. @param {string} conversationId @param {HistoryPage} page */
  loaded(conversationId, page) {
    for (const message of page.items) this.#parts.outbox.settle(message);
    // Between the answer and the events there may be a gap; a resume costs one frame and fills it.
    this.#parts.resume.one(conversationId);
    // Events of pins are resumed with the messages, so a list that is there stays right.
    if (!this.#parts.pins.in(conversationId)) this.#parts.pins.load(conversationId);
    if (page.last_seq && !page.has_more_after) this.#parts.readState.received(conversationId, page.last_seq);
  }

  /** The list shows a conversation with what is new in it, so this device has received that. @param {Conversation} conversation */
  listed({ id, last_message, unread_count }) {
    if (unread_count && last_message) this.#parts.readState.received(id, last_message.seq);
  }

  /** The user is not, or no longer, in this conversation. @param {string} conversationId */
  lose(conversationId) {
    const { conversations, drafts, history, list, outbox, pins, receipts, saved } = this.#parts;
    list.forget(conversationId);
    saved.lose(conversationId);
    outbox.discardConversation(conversationId);
    drafts.set(conversationId, "");
    drafts.setEdit(conversationId, null);
    drafts.setReply(conversationId, null);
    pins.forget(conversationId);
    history.forget(conversationId);
    receipts.forget(conversationId);
    conversations.forget(conversationId);
  }

  /** @type {Record<string, (frame: Frame) => void>} */
  #frames = {
    "message.new": (frame) => this.#applyNumbered(frame),
    "message.updated": (frame) => this.#applyChanged(frame),
    "message.deleted": (frame) => this.#applyChanged(frame),
    "message.pinned": (frame) => this.#parts.pins.apply(frame),
    "message.unpinned": (frame) => this.#parts.pins.apply(frame),
    "reactions.changed": (frame) => this.#applyReactions(frame),
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
    "message.saved": (frame) => this.#parts.saved.saved(frame),
    "message.unsaved": (frame) => this.#parts.saved.unsaved(frame),
    "message.read": (frame) => this.#parts.receipts.apply(frame),
    "message.delivered": (frame) => this.#parts.receipts.apply(frame),
    "settings.updated": (frame) => this.#parts.settings.apply(frame),
    "typing.start": (frame) => this.#parts.typing.started(frame),
    "typing.stop": (frame) => this.#parts.typing.stopped(frame),
    "presence.state": ({ users }) => this.#parts.people.replacePresence(users ?? {}),
    "presence.diff": (diff) => this.#parts.people.applyPresence(/** @type {any} */ (diff)),
    resumed: (frame) => {
      this.#parts.resume.resumed(frame);
      this.#parts.receipts.replace(frame);
      this.#parts.emitter.changed("timeline");
    },
    heartbeat: (frame) => this.#compare(frame),
    error: (frame) => this.#refused(frame),
  };

  /** @param {Frame} frame */
  #applyNumbered({ type, message, conversation_id, seq }) {
    const { account, conversations, emitter, history, list, notifications, outbox, readState, receipts, session, typing } = this.#parts;
    const [timeline, conversation] = [history.get(conversation_id), conversations.get(conversation_id)];
    // A replay brings older numbers into a timeline. Elsewhere a number that does not rise comes twice.
    const isMissing = Boolean(message && timeline?.isLoaded && !timeline.isKnown(message));
    if (message) {
      outbox.settle(message);
      if (timeline?.receive((shown) => shown.apply(message))) emitter.changed("timeline");
    }
    const isMention = Boolean(message && notifications.mentionsUser(message) && !account.blocked?.has(message.sender_id));
    const isNext = !conversation || conversations.advance(conversation, seq, message, session.user?.id, isMention);
    if (!conversation) list.fetch(conversation_id);
    if (conversation && message) this.#correctMentions(conversation, type, message, isMention);
    if (type !== "message.new" || !message) return;
    typing.stopped({ type, conversation_id, user_id: message.sender_id });
    receipts.sent(message);
    if (message.sender_id !== session.user?.id) readState.received(conversation_id, seq);
    if (isNext || isMissing) emitter.emit("message", { message });
  }

  /**
   * The server alone knows the count where a mention is not from whom it seems: of a user who is blocked, or in a message that has changed.
   * @param {Conversation} conversation @param {string} type @param {Message} message @param {boolean} isMention
   */
  #correctMentions({ id, mention_count, read_seq }, type, message, isMention) {
    const { account, list } = this.#parts;
    if (type !== "message.new") {
      if (mention_count && message.seq > (read_seq ?? 0)) list.fetchWithPause(id);
    } else if (isMention && !account.blocked) {
      account.loadBlocked().then(() => void (account.blocked?.has(message.sender_id) && list.fetchWithPause(id)), () => {});
    }
  }

  /** @param {Frame} frame */
  #applyChanged(frame) {
    this.#applyNumbered(frame);
    if (frame.message) this.#showChanged(frame.message);
  }

  /** Shows a message as it is now, also where it is quoted or pinned. @param {Message} message */
  #showChanged(message) {
    const { emitter, history, pins, saved } = this.#parts;
    const isShown = history.get(message.conversation_id)?.receive((timeline) => {
      const isChanged = timeline.apply(message);
      return timeline.applyQuoted(message) || isChanged;
    });
    if (isShown) emitter.changed("timeline");
    pins.show(message);
    saved.show(message);
  }

  /** @param {Frame} frame */
  #applyReactions(frame) {
    const { emitter, history, session } = this.#parts;
    const changed = (/** @type {Message} */ known) => withChange(known, frame, session.user?.id);
    if (history.get(frame.conversation_id)?.receive((timeline) => timeline.change(frame.message_id, changed))) emitter.changed("timeline");
  }

  /** @param {Frame} frame */
  #applyMembership(frame) {
    const { conversations, list, people, receipts, session } = this.#parts;
    const { conversation_id, conversation, member, message, seq, type } = frame;
    const subjectId = member?.user?.id ?? member?.user_id ?? message?.system?.user_id;
    if (type === "member.removed" && subjectId === session.user?.id) {
      this.#membershipVersion = frame.membership_version ?? this.#membershipVersion;
      // A replayed removal may be older than a later addition.
      if (!((conversations.get(conversation_id)?.last_seq ?? 0) > seq)) return this.lose(conversation_id);
    }
    if (type === "member.added" && subjectId) receipts.joined(conversation_id, subjectId, seq);
    if (type === "member.removed" && subjectId) receipts.left(conversation_id, subjectId);
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
    else if (frame.status === 404 && frame.conversation_id) list.fetchAfterPause(frame.conversation_id);
    else if (frame.ref === RESUME && frame.retryable) resume.refused(frame);
  }

  /** The numbers that this client has are not the server's, as after a restored backup. @param {string | undefined} conversationId */
  #startOver(conversationId) {
    const { conversations, history, list, pins } = this.#parts;
    for (const id of conversationId ? [conversationId] : [...history.timelines.keys()]) {
      const isLoaded = history.timelines.has(id);
      history.forget(id);
      pins.forget(id);
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
