// The rows of some messages in their order, with a line for each day and one above the first unread message.

import { dayName, el } from "./dom.js";
import { MessageRow } from "./message-row.js";
import { nameOf, statusOf } from "./names.js";
import { client } from "./page-client.js";
import { isFirstUnread, unreadLine } from "./reading.js";

const GROUP_MS = 5 * 60_000;

export class RowList {
  /** @type {MessageRow[]} */
  inOrder = [];
  #list;
  #rows = new Map(); // a row by its key: a message's id, or the number of a day
  #round = 0;
  #nodes = []; // of this round
  #tabStop = null;

  constructor(list) {
    this.#list = list;
    list.addEventListener("keydown", steer);
  }

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
    [this.inOrder, this.#tabStop] = [[], null];
  }

  /**
   * Shows messages, and then unsent ones. A row whose message is the same object as before is skipped, unless `isStale`: other things
   * that rows show have changed.
   */
  show(messages, unsent, isStale) {
    this.#round += 1;
    [this.#nodes, this.inOrder] = [[], []];
    let before = null;
    for (const message of messages) before = this.#add(message.id, message, before, { isStale });
    for (const [i, message] of unsent.entries()) {
      const next = unsent[i + 1];
      const isLastPending = next?.state !== "pending" || next.late !== message.late;
      // An id that another user has used already may be shown twice here, until the message is sent with another id.
      const key = messages.some(({ id }) => id === message.id) ? `unsent ${message.id}` : message.id;
      before = this.#add(key, message, before, { isStale: true, isLastPending });
    }
    this.#arrange();
    this.#offer(this.inOrder.findLast(({ item }) => !item.isSystem && !item.message.state)?.node ?? null);
  }

  #add(key, message, before, { isStale, isLastPending = false }) {
    const known = this.#rows.get(key);
    const isSame = known?.item.message === message && !isStale;
    const time = isSame ? known.item.time : new Date(message.timestamp);
    const day = dayOf(time);
    if (before?.day !== day) this.#addDay(day, time);
    const isUnderLine = isFirstUnread(message);
    if (isUnderLine) this.#place("unread", { node: unreadLine() });
    const senderId = message.sender_id ?? client.user.id; // an unsent message has none yet
    const isSystem = message.type === "system";
    const first = isSystem || isUnderLine || before?.day !== day || before.senderId !== senderId || time - before.time > GROUP_MS;
    const row = known ?? new MessageRow(isSystem);
    if (!isSame || known.item.first !== first) {
      const mine = senderId === client.user.id;
      row.patch({ message, isSystem, senderId, mine, name: nameOf(senderId), status: statusOf(senderId), first, time, isLastPending });
    }
    this.#place(key, row);
    this.inOrder.push(row);
    return { day, time, senderId: isSystem ? null : senderId };
  }

  #addDay(day, time) {
    const row = this.#rows.get(day) ?? { node: el("li", { class: "day" }, el("span", {})) };
    const name = dayName(time);
    if (row.node.textContent !== name) row.node.firstChild.textContent = name;
    this.#place(day, row);
  }

  #place(key, row) {
    row.round = this.#round;
    this.#rows.set(key, row);
    this.#nodes.push(row.node);
  }

  // Moves as few nodes as possible, and keeps the focus.
  #arrange() {
    const focused = document.activeElement;
    for (const [key, { node, round }] of this.#rows) if (round !== this.#round) {
      node.remove();
      this.#rows.delete(key);
    }
    let at = this.#list.firstElementChild;
    for (const node of this.#nodes) {
      if (node === at) at = at.nextElementSibling;
      else this.#list.insertBefore(node, at);
    }
    if (focused !== document.activeElement && this.#list.contains(focused)) focused.focus({ preventScroll: true });
  }

  // The rows are one stop for Tab, and arrow keys move between them; only the focused row offers its buttons to Tab.
  #offer(newest) {
    if (this.#tabStop === newest) return;
    this.#tabStop?.setAttribute("tabindex", "-1");
    newest?.setAttribute("tabindex", "0");
    this.#tabStop = newest;
  }
}

const dayOf = (time) => (time.getFullYear() * 100 + time.getMonth()) * 100 + time.getDate();

function steer(event) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
  if (!step || !event.target.matches(".message[tabindex]")) return;
  event.preventDefault();
  let next = event.target[step];
  while (next && !next.matches(".message[tabindex]")) next = next[step];
  next?.focus();
}
