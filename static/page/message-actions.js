// Users act on a message by the buttons beside it, and by its menu.

import { el, icon } from "./dom.js";
import { beginEdit } from "./editing.js";
import { copyText } from "./clipboard.js";
import { linkTo } from "./jump.js";
import { openMenu } from "./menu.js";
import { notify } from "./notice.js";
import { client, view } from "./page-client.js";
import { mayPin, mayUnpin, pin, unpin } from "./pins.js";
import { beginReply, mayReply } from "./quote.js";
import { chooseReaction, mayReact, quickEmoji } from "./reactions.js";
import { markUnread, mayMarkUnread } from "./reading.js";
import { hasReaders, showReaders } from "./receipts.js";
import { startRowFocus } from "./row-focus.js";
import { mayDelete, mayEdit, removeMessage } from "./revise.js";
import { maySave, mayUnsave, save, unsave } from "./saved.js";

/**
 * The entries of the menu. `picture`: the icon of one that has a button beside the message too. `sure`: the question of one that has to be pressed
 * twice.
 * @type {{ name: string, words: string, picture?: string, sure?: string, isAllowed: (message: any) => boolean, run: (message: any) => void }[]}
 */
const ACTIONS = [
  { name: "reply", words: "Reply", picture: "reply", isAllowed: mayReply, run: beginReply },
  { name: "pin", words: "Pin", isAllowed: mayPin, run: pin },
  { name: "unpin", words: "Unpin", isAllowed: mayUnpin, run: unpin },
  { name: "save", words: "Save for later", isAllowed: maySave, run: save },
  { name: "unsave", words: "Remove from saved", isAllowed: mayUnsave, run: unsave },
  { name: "copy", words: "Copy text", isAllowed: mayReply, run: ({ content }) => copyAs("Text", content) },
  { name: "link", words: "Copy link", isAllowed: mayReply, run: (message) => copyAs("Link", linkTo(message)) },
  { name: "unread", words: "Mark as unread from here", isAllowed: mayMarkUnread, run: markUnread },
  { name: "readers", words: "Read by…", isAllowed: hasReaders, run: showReaders },
  { name: "edit", words: "Edit", isAllowed: mayEdit, run: beginEdit },
  { name: "delete", words: "Delete", sure: "Really?", isAllowed: mayDelete, run: removeMessage },
];

async function copyAs(what, text) {
  notify(await copyText(text) ? `${what} copied.` : "Your browser does not let this page copy.");
}

const LABEL = "What to do with this message";
const LONG_PRESS_MS = 500;
const MOVED = 10; // pixels after which a press is a scroll
const fillings = new WeakMap(); // a bar without buttons → what makes them

/** Returns the actions that are allowed. */
const actionsOf = (message) => ACTIONS.filter(({ isAllowed }) => isAllowed(message));

/** The value of the buttons: which of them there are. The last of them opens the menu, which is made anew each time. */
export function barValue({ message }) {
  const actions = actionsOf(message);
  return actions.length > 0 && [mayReact(message), ...actions.filter(({ picture }) => picture).map(({ name }) => name)].join();
}

/**
 * Returns the buttons of a message. They are made when the pointer or the focus comes to its row, or is there already: thousands of rows need
 * none.
 */
export function drawBar({ row }) {
  const current = () => row.item.message; // as it is when a button is pressed
  const bar = el("div", { class: "message-actions", role: "group", "aria-label": LABEL });
  const fill = () => {
    const react = mayReact(current()) && button("react", "React", "smile", (anchor) => chooseReaction(current(), anchor), "menu");
    const own = actionsOf(current()).filter(({ picture }) => picture).map(({ name, words, picture, run }) => button(name, words, picture, () => run(current())));
    bar.append(...[react, ...own].filter(Boolean), button("more", "More", "more", (anchor) => openMessageMenu(current(), anchor), "menu"));
  };
  if (row.node.matches(":hover, :focus-within")) fill();
  else fillings.set(bar, fill);
  return bar;
}

const button = (name, words, picture, run, popup) => el("button", {
  type: "button", class: "action", "data-testid": `${name}-message`, "aria-label": words, title: words, "aria-haspopup": popup,
  click: ({ currentTarget }) => run(currentTarget),
}, icon(picture));

function openMessageMenu(message, anchor, place) {
  const entries = actionsOf(message).map(({ name, words, sure, run }) => ({ name: `${name}-message`, words, sure, run: () => run(message) }));
  openMenu(anchor, entries, { head: mayReact(message) ? quickEmoji(message, anchor) : undefined, label: LABEL, ...place });
}

/** Opens the menu of a row by a long press, and by the keyboard; shows its buttons to the pointer and the focus. */
export function startMessageActions(list) {
  list.addEventListener("pointerover", ({ target }) => fillBar(rowOf(target)));
  list.addEventListener("focusin", ({ target }) => fillBar(rowOf(target)));
  startRowFocus(list);
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches(".message") && openRowMenu(event.target)) event.preventDefault();
  });
  openAtLongPress(list);
}

const rowOf = (node) => node.closest(".message");

function fillBar(row) {
  const bar = row?.querySelector(".message-actions");
  fillings.get(bar)?.();
  fillings.delete(bar);
}

function openRowMenu(row, place) {
  const message = client.history.get(view.openId)?.byId.get(row.dataset.id);
  if (!message || actionsOf(message).length === 0) return false;
  openMessageMenu(message, row, place ?? { at: row.querySelector(".said").getBoundingClientRect() });
  return true;
}

function openAtLongPress(list) {
  let press = null; // {row, pointerId, at}: a finger is on a row
  let timer = 0;
  const end = () => {
    clearTimeout(timer);
    press = null;
  };
  const open = () => {
    clearTimeout(timer);
    if (!press.isOpened) press.isOpened = openRowMenu(press.row, press);
  };
  list.addEventListener("pointerdown", ({ target, pointerType, pointerId, clientX, clientY }) => {
    end();
    // A long press on a link or a button is theirs.
    if (pointerType !== "touch" || !rowOf(target) || target.closest("a, button")) return;
    press = { row: rowOf(target), pointerId, at: new DOMRect(clientX, clientY, 0, 0) };
    timer = setTimeout(open, LONG_PRESS_MS);
  });
  list.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (press && !press.isOpened && Math.hypot(clientX - press.at.x, clientY - press.at.y) > MOVED) end();
  });
  list.addEventListener("touchend", (event) => {
    // Where the screen is small the menu stands at the finger, whose end would be a click in it.
    if (press?.isOpened) event.preventDefault();
    end();
  });
  list.addEventListener("pointercancel", end);
  // Some browsers open a menu of their own at about the same time.
  list.addEventListener("contextmenu", (event) => {
    if (!press) return;
    event.preventDefault();
    open();
  });
}
