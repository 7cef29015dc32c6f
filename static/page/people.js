// Picking users by name, and starting a conversation with them.

import { $, avatar, el, icon, quietly } from "./dom.js";
import { statusOf } from "./names.js";
import { client } from "./page-client.js";

const MOST_FOUND = 30;
const MOST_PAGES = 5; // of one search: where all words are common, a page can have few results or none, and others follow

/** A search with results to press and the picks as chips. `without` names users to leave out. */
export class Picker {
  picked = new Map(); // user id → User
  #found = [];
  #asked = 0;
  #failed = "";

  constructor(host, { testid, label, without, change }) {
    const inputId = `${testid}-input`;
    this.without = without;
    this.change = change;
    this.input = el("input", {
      id: inputId, "data-testid": testid, type: "search", autocomplete: "off", spellcheck: "false",
      placeholder: "Search by name or username",
      input: quietly(() => this.search(), 150),
      keydown: (event) => this.#key(event),
    });
    this.chips = el("ul", { class: "chips", "aria-label": "Picked people" });
    this.results = el("ul", { class: "options", "aria-label": "People found" });
    host.replaceChildren(el("div", { class: "field" }, el("label", { for: inputId }, label), this.chips, this.input), this.results);
  }

  /** Resets for the next use; `clear` alone leaves nothing behind in a closed dialog. */
  reset() {
    this.clear();
    this.search();
  }

  clear() {
    this.#asked += 1;
    this.input.value = "";
    this.picked.clear();
    this.#found = [];
    this.chips.replaceChildren();
    this.results.replaceChildren();
  }

  async search() {
    const asked = ++this.#asked;
    try {
      const search = `/v1/users?q=${encodeURIComponent(this.input.value.trim())}&limit=${MOST_FOUND}`;
      const found = [];
      for (let pages = 0, cursor = ""; cursor !== null && pages < MOST_PAGES && found.length < MOST_FOUND; pages += 1) {
        const page = await client.rest.get(search + cursor);
        if (asked !== this.#asked) return; // a response to an outdated search
        found.push(...page.items);
        cursor = page.next && `&cursor=${encodeURIComponent(page.next)}`;
      }
      this.#found = found;
      this.#failed = "";
      for (const user of found) client.people.learn(user);
    } catch (problem) {
      this.#failed = problem.message;
    }
    this.render();
  }

  toggle(user) {
    if (!this.picked.delete(user.id)) this.picked.set(user.id, user);
    this.render();
    this.change?.();
  }

  #key(event) {
    if (event.key === "Backspace" && !this.input.value && this.picked.size) this.toggle([...this.picked.values()].at(-1));
    if (event.key !== "Enter") return;
    const first = this.#shown()[0];
    // With text in the box, Enter picks the first result; without text it continues.
    if (!this.input.value || !first) return;
    event.preventDefault();
    if (!this.picked.has(first.id)) this.toggle(first);
    this.input.value = "";
    this.search();
  }

  #shown() {
    const without = this.without();
    return this.#found.filter((user) => user.id !== client.user.id && !without.has(user.id));
  }

  render() {
    const focused = document.activeElement?.dataset?.username;
    this.chips.replaceChildren(...[...this.picked.values()].map((user) => el("li", {},
      el("button", { type: "button", class: "chip", "aria-label": `Remove ${user.name}`, click: () => this.toggle(user) }, user.name, icon("close")))));
    const shown = this.#shown();
    this.results.replaceChildren(...shown.map((user) => this.#option(user)));
    if (!shown.length) this.results.append(el("li", { class: "list-note" }, this.#emptyWords()));
    if (focused) [...this.results.querySelectorAll("button")].find((button) => button.dataset.username === focused)?.focus();
  }

  #emptyWords() {
    if (this.#failed) return this.#failed;
    const query = this.input.value.trim();
    return query ? `Nobody is called “${query}”.` : "Nobody else is here yet.";
  }

  #option(user) {
    const picked = this.picked.has(user.id);
    return el("li", {}, el("button", {
      type: "button", class: "option", "data-testid": "person-option", "data-username": user.username, "aria-pressed": String(picked),
      click: () => this.toggle(user),
    }, avatar(user.id, user.name, statusOf(user.id)), el("span", { class: "option-name" }, user.name),
    el("span", { class: "quiet" }, `@${user.username}`), picked && icon("check")));
  }
}

export function closeButton(dialog) {
  const close = dialog.querySelector("[data-close]");
  close.append(icon("close"));
  close.addEventListener("click", () => dialog.close());
  // A press on the backdrop is a press on the dialog itself: everything inside is in its children.
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
}

/** Returns names as nodes, each in an element of its own, so that none is read as words of the page. */
export const namesOf = (users) => users.flatMap(({ name }, index) => [index > 0 && ", ", el("bdi", { class: "name" }, name)].filter(Boolean));

/** Returns the function that opens the dialog. */
export function startPeopleView(open, notify) {
  const dialog = $("start-dialog");
  closeButton(dialog);
  const picker = new Picker($("start-picker"), { testid: "people-search", label: "With whom?", without: () => new Set(), change: describe });
  dialog.addEventListener("close", () => picker.clear());
  $("group-name").addEventListener("input", describe);
  $("start-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!picker.picked.size || $("start-conversation").disabled) return;
    $("start-conversation").disabled = true;
    try {
      const conversation = await create();
      dialog.close();
      open(conversation.id);
      const refused = (conversation.not_added ?? []).map((id) => client.people.users.get(id)).filter(Boolean);
      if (refused.length) notify("Not in the group, because they do not accept it: ", ...namesOf(refused), ".");
    } catch (problem) {
      showError(problem.errors.map(({ detail }) => detail).join(" ") || problem.message);
      describe();
    }
  });

  function describe() {
    const count = picker.picked.size;
    const group = isGroup();
    $("start-conversation").disabled = count === 0;
    $("start-conversation").textContent = count === 0 ? "Start" : group ? "Start group" : "Start chat";
    $("start-hint").textContent = count === 0 ? "Pick one person, or several for a group."
      : group ? `A group of ${count + 1}, you included.` : `Just you and ${[...picker.picked.values()][0].name}.`;
  }

  const isGroup = () => picker.picked.size > 1 || $("group-name").value.trim() !== "";

  async function create() {
    const picks = [...picker.picked.values()];
    const name = $("group-name").value.trim();
    const conversation = await client.rest.post("/v1/conversations", {
      type: isGroup() ? "group" : "direct",
      ...(name && { name }),
      member_ids: picks.map((user) => user.id),
    });
    if (conversation.type === "direct") conversation.peer ??= client.people.users.get(picks[0].id);
    client.conversations.learn(conversation);
    return conversation;
  }

  return () => {
    $("group-name").value = "";
    showError("");
    picker.reset();
    describe();
    dialog.showModal();
    picker.input.focus();
  };
}

function showError(words) {
  $("start-error").textContent = words;
  $("start-error").hidden = !words;
}
