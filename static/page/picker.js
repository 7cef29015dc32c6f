// Picking users by any word of their names.

import { peopleNamed } from "../client/index.js";
import { arrange, avatar, el, fill, icon, quietly } from "./dom.js";
import { keepFocus } from "./focus.js";
import { moreButton } from "./more.js";
import { statusOf } from "./names.js";
import { client } from "./page-client.js";
import { afterPress } from "./press.js";

const TYPING_MS = 150;

/** A search with results to press and the picks as chips. `without` names users to leave out, and `withoutWords` says where they are. */
export class Picker {
  picked = new Map(); // user id → User
  #list = client.search.people(() => this.render());
  #draw = () => this.#drawNow();
  #searched = null; // the words of the last search
  #chips = new Map(); // user id → chip
  #options = new Map(); // user id → {node, signature}
  #empty = el("li", { class: "list-note" });

  constructor(host, { testid, label, without, withoutWords, change }) {
    const inputId = `${testid}-input`;
    Object.assign(this, { without, withoutWords, change });
    this.input = el("input", {
      id: inputId, "data-testid": testid, type: "search", autocomplete: "off", spellcheck: "false", maxlength: "128",
      placeholder: "Search by name or username",
      input: quietly(() => this.search(), TYPING_MS),
      keydown: (event) => this.#key(event),
    });
    this.chips = el("ul", { class: "chips", "aria-label": "Picked people" });
    this.results = el("ul", { class: "options", "aria-label": "People found" });
    this.more = moreButton(this.#list, "Show more people", "li");
    host.replaceChildren(el("div", { class: "field" }, el("label", { for: inputId }, label), this.chips, this.input), this.results);
  }

  /** Resets for the next use; `clear` alone leaves nothing behind in a closed dialog. */
  reset() {
    this.clear();
    this.search();
  }

  clear() {
    this.input.value = "";
    this.picked.clear();
    this.#list.clear();
    for (const nodes of [this.#chips, this.#options]) nodes.clear();
    this.chips.replaceChildren();
    this.results.replaceChildren();
  }

  async search() {
    this.#searched = this.input.value.trim();
    await this.#list.start(peopleNamed(this.#searched));
  }

  toggle(user) {
    if (!this.picked.delete(user.id)) this.picked.set(user.id, user);
    this.render();
    this.change?.();
  }

  async #key(event) {
    if (event.key === "Backspace" && !this.input.value && this.picked.size) this.toggle([...this.picked.values()].at(-1));
    // With text in the box, Enter picks the first result; without text it continues.
    const words = this.input.value;
    if (event.key !== "Enter" || event.isComposing || !words) return;
    event.preventDefault();
    // The results may still be those of fewer letters.
    if (this.#searched !== words.trim() || this.#list.isLoading) await this.search();
    const first = this.#shown()[0];
    if (!first || this.input.value !== words) return;
    if (!this.picked.has(first.id)) this.toggle(first);
    this.input.value = "";
    this.search();
  }

  #shown() {
    const without = this.without();
    return this.#list.items.filter((user) => user.id !== client.user.id && !without.has(user.id));
  }

  render() {
    afterPress(this.#draw);
  }

  #drawNow() {
    const shown = this.#shown();
    for (const id of this.#chips.keys()) if (!this.picked.has(id)) this.#chips.delete(id);
    keepFocus(this.chips, () => arrange(this.chips, [...this.picked.values()].map((user) => this.#chip(user))), () => this.input);
    const known = this.#options;
    this.#options = new Map();
    const nodes = shown.map((user) => this.#option(user, known.get(user.id)));
    this.#empty.textContent = shown.length || this.#list.isLoading || this.#list.problem ? "" : this.#emptyWords();
    this.more.render();
    keepFocus(this.results, () => arrange(this.results, [...nodes, this.#empty.textContent && this.#empty, this.more.node].filter(Boolean)), () => this.input);
  }

  #emptyWords() {
    const query = this.input.value.trim();
    const found = this.#list.items;
    if (this.#list.hasMore) return "Nobody so far.";
    const others = found.filter((user) => user.id !== client.user.id);
    if (others.length) return `Everybody ${query && `found for “${query}” `}is ${this.withoutWords}.`;
    if (query) return found.length ? `Only you are called “${query}”.` : `Nobody is called “${query}”.`;
    return "Nobody else is here yet.";
  }

  #chip(user) {
    const chip = this.#chips.get(user.id) ?? el("li", {},
      el("button", { type: "button", class: "chip", "data-testid": "chip", "aria-label": `Remove ${user.name}`, click: () => this.#removeChip(user) },
        el("bdi", {}, user.name), icon("close")));
    this.#chips.set(user.id, chip);
    return chip;
  }

  // The focus goes to the neighbour, so that several can be removed one after the other.
  #removeChip(user) {
    const chip = this.#chips.get(user.id);
    const neighbour = chip.nextElementSibling ?? chip.previousElementSibling;
    this.toggle(user);
    (neighbour?.querySelector("button") ?? this.input).focus();
  }

  // An option stays the same element, so that a change of presence loses neither the focus nor a press.
  #option(user, known) {
    const [picked, status] = [this.picked.has(user.id), statusOf(user.id)];
    const signature = JSON.stringify([user.name, user.username, picked, status]);
    const option = known ?? {
      node: el("li", {}, el("button", { type: "button", class: "option", "data-testid": "person-option", click: () => this.toggle(user) })),
    };
    this.#options.set(user.id, option);
    if (option.signature === signature) return option.node;
    option.signature = signature;
    const button = option.node.firstChild;
    button.dataset.username = user.username;
    button.setAttribute("aria-pressed", String(picked));
    fill(button, avatar(user.id, user.name, status), el("bdi", { class: "option-name" }, user.name),
      el("span", { class: "quiet" }, `@${user.username}`), picked && icon("check"));
    return option.node;
  }
}
