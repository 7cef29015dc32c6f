// Completes mentions while they are typed: a list above the composer, whose marked option a screen reader reads while the focus stays in the text. That is the
// pattern of a combobox without its role, which a text of several lines cannot have.

import { avatar, el, fill } from "./dom.js";
import { myRole, statusOf } from "./names.js";
import { client } from "./page-client.js";
import { afterPress } from "./press.js";

const SHOWN_MOST = 8;
// The letters behind an `@` that is not part of a word, up to the caret.
const BEGUN = /(?:^|[^\p{L}\p{N}._+@/-])@([\p{L}\p{N}._-]{1,32})$/u;
const LOOK_BACK = 40; // characters before the caret in which a mention can begin
const POPUP = ["aria-haspopup", "aria-controls", "aria-activedescendant"];
const EVERYBODY = { id: "all", username: "all", name: "Everybody here" };

const fold = (words) => words.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

export class MentionList {
  #field;
  #list;
  #status;
  #conversationId;
  #options = [];
  #at = 0; // the marked option
  #begun = ""; // what is typed of the mention

  /** @param {HTMLTextAreaElement} field @param {Element} host an empty element above it @param {() => string | null} conversationId */
  constructor(field, host, conversationId) {
    this.#field = field;
    this.#conversationId = conversationId;
    this.#list = el("ul", { id: "mention-list", class: "mention-list", role: "listbox", "aria-label": "Mention", "data-testid": "mention-list", hidden: true });
    this.#status = el("p", { class: "sr-only", role: "status" });
    fill(host, this.#list, this.#status);
    // A press keeps the focus, and with it the keyboard of a phone, in the field.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#take([...this.#list.children].indexOf(option));
    });
    field.addEventListener("blur", () => this.close());
    field.addEventListener("click", () => this.update());
  }

  #updateIfTyping = () => document.activeElement === this.#field && this.update();

  /** The text or the caret has changed. */
  update() {
    const { value, selectionStart, selectionEnd } = this.#field;
    const before = selectionStart === selectionEnd ? value.slice(Math.max(0, selectionStart - LOOK_BACK), selectionStart) : "";
    this.#begun = BEGUN.exec(before)?.[1] ?? "";
    const found = this.#begun ? this.#find(fold(this.#begun)) : [];
    const isWhole = found.length === 1 && found[0].username.toLowerCase() === this.#begun.toLowerCase();
    if (!found.length || isWhole) return this.close();
    this.#options = found;
    this.#mark(0);
  }

  close() {
    if (this.#list.hidden) return;
    this.#options = [];
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#status.textContent = "";
    for (const name of POPUP) this.#field.removeAttribute(name);
  }

  /** Returns true if the key is for the list. @param {KeyboardEvent} event */
  takes(event) {
    if (this.#list.hidden || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) {
      if (event.key.startsWith("Arrow")) this.close();
      return false;
    }
    const count = this.#options.length;
    const act = {
      ArrowDown: () => this.#mark((this.#at + 1) % count),
      ArrowUp: () => this.#mark((this.#at + count - 1) % count),
      Enter: () => this.#take(this.#at),
      Tab: () => this.#take(this.#at),
      Escape: () => this.close(),
    }[event.key];
    if (!act) {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) this.close();
      return false;
    }
    event.preventDefault();
    act();
    return true;
  }

  /** Returns the members whose username, or a word of whose name, begins with the letters; usernames first. */
  #find(begun) {
    const id = this.#conversationId();
    const conversation = client.conversations.get(id);
    const isGroup = conversation?.type === "group";
    if (isGroup && !client.people.members.has(id)) client.people.loadMembers(id).then(() => afterPress(this.#updateIfTyping));
    const people = isGroup ? (client.people.members.get(id) ?? []).map(({ user }) => user) : [conversation?.peer].filter(Boolean);
    const everybody = isGroup && ["owner", "admin"].includes(myRole(id)) ? [EVERYBODY] : [];
    const rank = ({ username, name }) => (fold(username).startsWith(begun) ? 0 : fold(name).split(/\s+/).some((word) => word.startsWith(begun)) ? 1 : 2);
    return [...everybody, ...people]
      .filter((user) => user.id !== client.user.id && rank(user) < 2)
      .sort((a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username))
      .slice(0, SHOWN_MOST);
  }

  #mark(at) {
    this.#at = at;
    fill(this.#list, ...this.#options.map((user, index) => option(user, index, index === at)));
    this.#list.hidden = false;
    for (const [index, value] of ["listbox", "mention-list", `mention-${at}`].entries()) this.#field.setAttribute(POPUP[index], value);
    const count = this.#options.length;
    this.#status.textContent = `${count} ${count === 1 ? "person" : "people"} to mention. Arrow keys choose, Enter takes.`;
    this.#list.children[at].scrollIntoView({ block: "nearest" });
  }

  #take(at) {
    const { username } = this.#options[at];
    const { selectionStart: caret } = this.#field;
    this.#field.setSelectionRange(caret - this.#begun.length, caret);
    // With this old command, and with no other, the browser can undo it.
    const words = `${username} `;
    if (!document.execCommand("insertText", false, words)) this.#field.setRangeText(words, caret - this.#begun.length, caret, "end");
    this.close();
  }
}

function option(user, index, isMarked) {
  const { id, username, name } = user;
  const isPerson = user !== EVERYBODY;
  return el("li", { id: `mention-${index}`, role: "option", class: "mention-option", "aria-selected": String(isMarked), "data-testid": "mention-option", "data-username": username },
    avatar(id, name, isPerson ? statusOf(id) : null, !isPerson), el("span", { class: "option-name" }, name), el("span", { class: "quiet" }, `@${username}`));
}
