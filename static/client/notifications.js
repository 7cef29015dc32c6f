// The client decides of which messages the user is notified. The page shows the notifications.

/** @import { Conversations } from "./conversations.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Session } from "./session.js" */
/** @import { Settings } from "./settings.js" */
/** @import { Clock, Message, NotificationChoice } from "./types.js" */

/** @type {NotificationChoice} */
const ALL = { level: "all", until: null };

export class Notifications {
  #clock;
  #rest;
  #session;
  #conversations;
  #settings;

  /** @param {{ clock: Clock }} environment @param {Rest} rest @param {Session} session @param {Conversations} conversations @param {Settings} settings */
  constructor({ clock }, rest, session, conversations, settings) {
    this.#clock = clock;
    this.#rest = rest;
    this.#session = session;
    this.#conversations = conversations;
    this.#settings = settings;
  }

  /** The user's choice for a conversation, as it is now. @param {string} conversationId @returns {NotificationChoice} */
  of(conversationId) {
    const choice = this.#conversations.get(conversationId)?.notifications;
    return choice && !this.#isOver(choice.until) ? choice : ALL;
  }

  /**
   * Chooses, for all devices of the user. Without `until` the choice holds until the next one.
   * @param {string} conversationId @param {NotificationChoice["level"]} level @param {Date | null} [until]
   */
  async set(conversationId, level, until = null) {
    const choice = level === "all" ? ALL : { level, until: until?.toISOString() ?? null };
    await this.#rest.put(`/v1/conversations/${conversationId}/notifications`, choice);
    this.#conversations.setNotifications(conversationId, choice);
  }

  /** The time until which the user is not to be disturbed, or null. */
  get doNotDisturbUntil() {
    const until = this.#settings.values?.do_not_disturb_until ?? null;
    return until === null || this.#isOver(until) ? null : new Date(until);
  }

  /** @param {Date | null} until null ends it */
  doNotDisturb(until) {
    return this.#settings.update({ do_not_disturb_until: until?.toISOString() ?? null });
  }

  /** Returns true if the user wants to be notified of a message that is new. @param {Message} message */
  wants(message) {
    if (message.type !== "text" || message.deleted_at || message.sender_id === this.#session.user?.id || this.doNotDisturbUntil) return false;
    const { level } = this.of(message.conversation_id);
    return level === "all" || (level === "mentions" && this.mentionsUser(message));
  }

  /** Returns true if a message mentions the user. @param {Message} message */
  mentionsUser({ mentions, mentions_all }) {
    return mentions_all === true || (mentions ?? []).includes(this.#session.user?.id ?? "");
  }

  /** @param {string | null} until */
  #isOver(until) {
    return until !== null && Date.parse(until) <= this.#clock.now();
  }
}
