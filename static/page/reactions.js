// Reactions: the chips below a message, and the emoji to choose from.

import { el, icon } from "./dom.js";
import { closeMenu, openMenu } from "./menu.js";
import { notify } from "./notice.js";
import { client } from "./page-client.js";
import { tabindexIn } from "./row-focus.js";

const QUICK = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const NAMED_MEMBERS_MAX = 200; // the server names those who react in conversations up to this size
const NAMES_MAX = 20; // in a tooltip
const named = new WeakMap(); // chip → the message for which its names were asked
let pickEmoji = null;

/** `picker` offers all emoji: `(anchor) => Promise<string | null>`. Without one the quick ones are offered alone. */
export function startReactions({ picker = null } = {}) {
  pickEmoji = picker;
}

export const mayReact = (message) => message.type !== "system" && !message.state && !message.deleted_at;

/** Reacts with an emoji, or takes the reaction back. */
export async function react(message, emoji, chip = null) {
  try {
    await client.reactions.toggle(message, emoji);
  } catch (problem) {
    notify(problem.message);
  }
  // The names were asked for before the server had this reaction.
  if (chip) renewNames(chip);
}

// Choosing

/** Offers emoji at an element. */
export const chooseReaction = (message, anchor) => openMenu(anchor, [], { head: quickEmoji(message, anchor) });

/** Returns the line of emoji for a menu. `anchor` is where the menu stands. */
export function quickEmoji(message, anchor) {
  const own = new Set(client.reactions.of(message).filter(({ me }) => me).map(({ emoji }) => emoji));
  const button = (attributes, ...content) => el("button", { type: "button", role: "menuitem", tabindex: "-1", class: "quick-emoji", ...attributes }, ...content);
  const quick = QUICK.map((emoji) => button({
    "data-testid": "quick-emoji", "data-emoji": emoji, "data-own": own.has(emoji),
    "aria-label": own.has(emoji) ? `Take back ${emoji}` : `React with ${emoji}`,
    click: () => {
      closeMenu();
      react(message, emoji);
    },
  }, emoji));
  return el("div", { class: "quick-emojis", role: "group", "aria-label": "React" }, ...quick, pickEmoji && button({
    "data-testid": "more-emoji", "aria-label": "More emoji", title: "More emoji",
    click: async () => {
      closeMenu();
      const emoji = await pickEmoji(anchor);
      if (emoji) react(message, emoji);
    },
  }, icon("add")));
}

// The chips

/** The value of the part: what it shows. */
export function chipsValue({ message }) {
  const reactions = message.state || message.deleted_at ? [] : client.reactions.of(message);
  return reactions.length > 0 && reactions.flatMap(({ emoji, count, me }) => [emoji, count, Boolean(me)]);
}

/** Draws the chips. A chip that stays is the same element, so that it keeps the focus. */
export function drawChips(item, old) {
  const current = () => item.row.item.message;
  const list = old ?? el("div", { class: "reactions", role: "group", "aria-label": "Reactions", "data-testid": "reactions" }, addButton(current, item.row.node));
  const known = new Map([...list.querySelectorAll(".reaction[data-emoji]")].map((chip) => [chip.dataset.emoji, chip]));
  for (const reaction of client.reactions.of(item.message)) {
    const chip = known.get(reaction.emoji) ?? newChip(reaction.emoji, current, item.row.node);
    known.delete(reaction.emoji);
    fillChip(chip, reaction);
    // The order is that in which the kinds appeared, so a new chip is the last.
    if (!chip.isConnected) list.lastElementChild.before(chip);
  }
  for (const chip of known.values()) removeChip(chip);
  return list;
}

function newChip(emoji, current, row) {
  const name = () => nameUsers(chip, current());
  const chip = el("button", {
    type: "button", class: "reaction", "data-testid": "reaction", "data-emoji": emoji, tabindex: tabindexIn(row),
    click: () => react(current(), emoji, chip), pointerenter: name, focus: name,
  }, el("span", { class: "emoji" }, emoji), el("span", { class: "count" }));
  return chip;
}

function fillChip(chip, { emoji, count, me = false }) {
  if (chip.dataset.count === String(count) && chip.ariaPressed === String(me)) return;
  chip.dataset.count = String(count);
  chip.lastElementChild.textContent = count.toLocaleString("en");
  chip.setAttribute("aria-pressed", String(me));
  chip.setAttribute("aria-label", `${emoji} ${count}${me ? ", with yours" : ""}`);
  chip.removeAttribute("title");
  renewNames(chip);
}

function renewNames(chip) {
  named.delete(chip);
  if (chip.isConnected && chip.matches(":hover, :focus")) chip.dispatchEvent(new Event("pointerenter"));
}

function removeChip(chip) {
  const row = chip.closest("[data-testid=message]");
  const hadFocus = chip === document.activeElement;
  chip.remove();
  if (hadFocus) row?.focus({ preventScroll: true });
}

// Names are asked for when somebody looks, and again when the reactions have changed.
async function nameUsers(chip, message) {
  const { count, emoji } = chip.dataset;
  if (named.get(chip) === message || (client.conversations.get(message.conversation_id)?.member_count ?? 0) > NAMED_MEMBERS_MAX) return;
  named.set(chip, message);
  try {
    const users = await client.reactions.who(message, emoji, NAMES_MAX);
    if (named.get(chip) === message) chip.title = namesOf(users.slice(0, NAMES_MAX), Number(count));
  } catch {
    named.delete(chip); // the next look asks again
  }
}

function namesOf(users, count) {
  // Isolates (U+2068, U+2069) keep the direction of a name from the words around it.
  const names = users.map(({ id, name }) => (id === client.user.id ? "you" : `\u2068${name}\u2069`));
  const others = count - names.length;
  if (others > 0) names.push(others === 1 ? "one more" : `${others.toLocaleString("en")} more`);
  const list = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("");
  return list && list[0].toUpperCase() + list.slice(1);
}

const addButton = (current, row) => el("button", {
  type: "button", class: "reaction add", "data-testid": "reaction-add", "aria-label": "Add a reaction", "aria-haspopup": "menu", title: "Add a reaction", tabindex: tabindexIn(row),
  click: ({ currentTarget }) => chooseReaction(current(), currentTarget),
}, icon("smile"));
