// The reactions of a message: counts, and which of them are the user's own (`me`). Events say the counts to all in the same bytes, so they say
// by names who reacted; REST alone says `me`.

/** @import { Frame, Message, Reaction } from "./types.js" */

/**
 * Returns a message with the reactions of the event `reactions.changed`. `userId` is the user of this client.
 * @param {Message} message @param {Frame} frame @param {string | undefined} userId
 * @returns {Message}
 */
export function withChange(message, { reactions, changes = [] }, userId) {
  if (message.deleted_at) return message;
  const own = ownOf(message);
  for (const { user_id, emoji, added } of changes) if (user_id === userId) mark(own, emoji, added);
  return { ...message, reactions: withOwn(reactions, own) };
}

/**
 * Returns the message with the user's own reactions of the one that was known before, if it does not say them itself.
 * @param {Message} message @param {Message | undefined} known
 */
export function keepOwn(message, known) {
  const { reactions } = message;
  if (!known?.reactions?.length || !reactions?.length || reactions.some(({ me }) => me !== undefined)) return message;
  return { ...message, reactions: withOwn(reactions, ownOf(known)) };
}

/**
 * Returns a message on which the server has taken a reaction of the user. The event has, or will have, its count.
 * @param {Message} message @param {string} emoji @param {boolean} isAdded
 * @returns {Message}
 */
export function withConfirmed(message, emoji, isAdded) {
  const reactions = message.reactions ?? [];
  if (!reactions.some((one) => one.emoji === emoji)) return isAdded ? withWish(message, emoji, true) : message;
  return { ...message, reactions: reactions.map((one) => (one.emoji === emoji ? { ...one, me: isAdded } : one)) };
}

/**
 * Returns a message as it will be when the server has taken a reaction of the user, or has given it back.
 * @param {Message} message @param {string} emoji @param {boolean} isWanted
 * @returns {Message}
 */
export function withWish(message, emoji, isWanted) {
  const reactions = message.reactions ?? [];
  const known = reactions.find((one) => one.emoji === emoji);
  if (Boolean(known?.me) === isWanted) return message;
  if (!known) return { ...message, reactions: [...reactions, { emoji, count: 1, me: true }] };
  const changed = { emoji, count: known.count + (isWanted ? 1 : -1), me: isWanted };
  return { ...message, reactions: reactions.map((one) => (one === known ? changed : one)).filter(({ count }) => count > 0) };
}

/** @param {Message} message */
const ownOf = ({ reactions }) => new Set((reactions ?? []).filter(({ me }) => me).map(({ emoji }) => emoji));

/** @param {Reaction[]} reactions @param {Set<string>} own */
const withOwn = (reactions, own) => reactions.map(({ emoji, count }) => ({ emoji, count, me: own.has(emoji) }));

/** @param {Set<string>} own @param {string} emoji @param {boolean} isAdded */
const mark = (own, emoji, isAdded) => (isAdded ? own.add(emoji) : own.delete(emoji));
