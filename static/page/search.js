// The search over everything (Ctrl+K): conversations, people and messages. The focus stays in its box; arrow keys move over what is found.

import { $, arrange, el, icon, quietly } from "./dom.js";
import { client, on } from "./page-client.js";
import { beginConversation, closeButton } from "./people.js";
import { afterPress } from "./press.js";
import { problemWords, tell, tellProblem } from "./problems.js";
import { SearchGroups } from "./search-groups.js";
import { hintButtons } from "./search-hints.js";

const TYPING_MS = 200;
const PAGE_KEY = 5; // results

/** `open` takes the id of a conversation, and the number of a message in it. */
export function startSearchView(open) {
  const results = el("div", { id: "search-results", class: "found", role: "listbox", "aria-label": "Search results" });
  const state = el("p", { class: "search-state", role: "status", "data-testid": "search-state" });
  const input = el("input", {
    id: "search-input", "data-testid": "search", type: "text", role: "combobox", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "256",
    enterkeyhint: "search", placeholder: "Search", "aria-label": "Search conversations, people and messages", "aria-autocomplete": "list", "aria-controls": results.id,
  });
  const dialog = el("dialog", { id: "search-dialog", class: "palette", "aria-label": "Search" },
    el("div", { class: "bar" }, icon("search"), input, el("button", { type: "button", class: "round ghost", "data-close": true, "aria-label": "Close" })),
    hintButtons(input), state, results);
  document.body.append(dialog);
  closeButton(dialog);

  let selected = null; // the key of an option
  let isWaiting = false; // Enter was pressed before the answer came
  let refused = null; // the problem of a conversation that could not be begun
  const groups = new SearchGroups({ changed: () => afterPress(render), go, talkTo });
  const searchSoon = quietly(() => groups.search(input.value), TYPING_MS);

  input.addEventListener("input", () => {
    selected = null;
    isWaiting = false;
    refused = null;
    groups.expect(input.value);
    searchSoon();
  });
  input.addEventListener("keydown", keyed);
  dialog.addEventListener("close", () => {
    input.value = "";
    refused = null;
    groups.clear();
    results.replaceChildren();
  });
  for (const topic of ["conversations", "people"]) on(topic, () => dialog.open && render());
  $("search-open").append(icon("search"));
  $("search-open").addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    const isShortcut = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
    if (!isShortcut || $("chat").hidden || document.querySelector("dialog[open]:not(#search-dialog)")) return;
    event.preventDefault();
    show();
  });

  function show() {
    if (!dialog.open) {
      dialog.showModal();
      groups.search("");
    }
    input.focus();
    input.select();
  }

  function render() {
    const options = groups.options();
    if (!options.some(({ key }) => key === selected)) selected = options[0]?.key ?? null;
    arrange(results, groups.nodes());
    results.hidden = options.length === 0;
    results.setAttribute("aria-busy", String(groups.isLoading));
    input.setAttribute("aria-expanded", String(options.length > 0));
    mark(options);
    sayState(options.length);
    if (isWaiting && !groups.isLoading) {
      isWaiting = false;
      press();
    }
  }

  function mark(options) {
    for (const { key, node } of options) node.setAttribute("aria-selected", String(key === selected));
    const current = options.find(({ key }) => key === selected)?.node;
    if (current) input.setAttribute("aria-activedescendant", current.id);
    else input.removeAttribute("aria-activedescendant");
  }

  let said = null; // what the line says, so that a countdown is not begun anew
  function sayState(count) {
    const problem = refused ?? groups.problem;
    const words = problem ? problemWords(problem) : groups.isLoading ? "Searching…" : groups.summary(count);
    if (said === (problem ?? words)) return;
    said = problem ?? words;
    state.classList.toggle("problem", Boolean(problem));
    if (problem) tellProblem(state, problem);
    else tell(state, words);
  }

  function keyed(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE_KEY, PageUp: -PAGE_KEY }[event.key];
    if (step) move(step);
    else if (event.key === "Enter") press();
    else return;
    event.preventDefault();
  }

  function move(step) {
    const options = groups.options();
    const at = options.findIndex(({ key }) => key === selected);
    const next = options[Math.abs(step) === 1 ? (at + step + options.length) % options.length : Math.min(Math.max(at + step, 0), options.length - 1)];
    if (!next) return;
    selected = next.key;
    mark(options);
    next.node.scrollIntoView({ block: "nearest" });
  }

  function press() {
    const option = groups.options().find(({ key }) => key === selected);
    // The results that are shown may be those of fewer letters.
    if (groups.isLoading && (!option || option.isServers)) isWaiting = true;
    else option?.choose();
  }

  function go(conversationId, seq) {
    dialog.close();
    open(conversationId, seq);
  }

  async function talkTo(user) {
    const known = client.conversations.sorted().find(({ type, peer }) => type === "direct" && peer?.id === user.id);
    if (known) return go(known.id);
    try {
      const { id } = await beginConversation({ type: "direct", member_ids: [user.id] }, user);
      if (dialog.open) go(id);
    } catch (problem) {
      refused = problem;
      render();
    }
  }
}
