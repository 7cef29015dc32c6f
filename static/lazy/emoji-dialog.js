// The dialog with all emoji: recent ones, groups, a search, a skin tone. The glyphs are those of the device.

import { el, fill, icon } from "../page/dom.js";
import { GROUPS, search, toned } from "./emoji-list.js";
import { loadStyle } from "./style.js";

const RECENT_MOST = 24;
const FOUND_MOST = 200;
const GAP = 8; // pixels between the anchor, the dialog, and the edge of the window
const TONES = [["", "No skin tone"], ["🏻", "Light"], ["🏼", "Medium light"], ["🏽", "Medium"], ["🏾", "Medium dark"], ["🏿", "Dark"]];
const RECENT = "Recent";
const byGlyph = new Map(GROUPS.flatMap(({ emoji }) => emoji).map((emoji) => [emoji.glyph, emoji]));

/**
 * Opens the dialog at an element, and returns the picked emoji, or null.
 * @param {Element} anchor @param {{ read: () => { recent: string[], tone: string }, write: (state: { recent: string[], tone: string }) => void }} memory
 * @returns {Promise<string | null>}
 */
export async function pick(anchor, memory) {
  await loadStyle("emoji.css");
  return new Promise((resolve) => new Dialog(anchor, memory, resolve));
}

class Dialog {
  #memory;
  #state;
  #picked = null;
  #dialog;
  #search;
  #grid;
  #name;

  constructor(anchor, memory, resolve) {
    this.#memory = memory;
    this.#state = memory.read();
    this.#build();
    document.body.append(this.#dialog);
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      resolve(this.#picked);
    });
    this.#showGroups();
    this.#dialog.showModal();
    place(this.#dialog, anchor);
    this.#search.focus();
  }

  #build() {
    this.#search = el("input", {
      type: "search", class: "emoji-search", "data-testid": "emoji-search", placeholder: "Search: heart, party, Japan", "aria-label": "Search emoji",
      autocomplete: "off", spellcheck: "false", enterkeyhint: "done",
      input: () => this.#showFound(),
      keydown: (event) => this.#searchKey(event),
    });
    const tone = el("select", { class: "emoji-tone", "data-testid": "emoji-tone", "aria-label": "Skin tone", change: () => this.#setTone(tone.value) },
      ...TONES.map(([value, name]) => el("option", { value, selected: value === this.#state.tone }, `✋${value} ${name}`)));
    this.#grid = el("div", { class: "emoji-grid", role: "listbox", "aria-label": "Emoji", "data-testid": "emoji-grid", keydown: (event) => this.#gridKey(event) });
    for (const type of ["focusin", "pointerover"]) this.#grid.addEventListener(type, ({ target }) => this.#sayName(target));
    this.#grid.addEventListener("click", ({ target }) => this.#take(target.closest(".emoji")));
    this.#name = el("p", { class: "emoji-name", "aria-hidden": "true" });
    const close = el("button", { type: "button", class: "round ghost", "aria-label": "Close", click: () => this.#dialog.close() }, icon("close"));
    this.#dialog = el("dialog", { class: "emoji-dialog", "data-testid": "emoji-dialog", "aria-label": "Pick an emoji" },
      el("div", { class: "emoji-head" }, this.#search, tone, close), this.#grid, el("div", { class: "emoji-foot" }, this.#jumps(), this.#name));
    // A press on the backdrop is a press on the dialog itself.
    this.#dialog.addEventListener("pointerdown", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  #jumps() {
    const jump = (title) => {
      this.#search.value = "";
      this.#showGroups();
      const group = [...this.#grid.children].find(({ dataset }) => dataset.title === title);
      group.scrollIntoView({ block: "start" });
      group.querySelector(".emoji").focus({ preventScroll: true });
    };
    return el("div", { class: "emoji-jumps", role: "group", "aria-label": "Groups" }, ...GROUPS.map(({ title, emoji }) =>
      el("button", { type: "button", title, "aria-label": title, click: () => jump(title) }, emoji[0].glyph)));
  }

  #showGroups() {
    const recent = this.#state.recent.map((glyph) => byGlyph.get(glyph)).filter(Boolean);
    this.#show([...(recent.length ? [{ title: RECENT, emoji: recent }] : []), ...GROUPS]);
  }

  #showFound() {
    const text = this.#search.value;
    if (!text.trim()) return this.#showGroups();
    const found = search(text).slice(0, FOUND_MOST);
    this.#show(found.length ? [{ title: "Found", emoji: found }] : []);
    if (!found.length) fill(this.#grid, el("p", { class: "quiet", role: "status", "data-testid": "emoji-none" }, `No emoji is called “${text.trim()}”.`));
  }

  #show(groups) {
    fill(this.#grid, ...groups.map(({ title, emoji }) => el("div", { class: "emoji-group", role: "group", "aria-label": title, "data-title": title },
      el("p", { class: "emoji-title", "aria-hidden": "true" }, title),
      ...emoji.map(({ glyph, name }) => el("button", {
        type: "button", class: "emoji", role: "option", "aria-selected": "false", tabindex: "-1", "aria-label": name, "data-glyph": glyph, "data-testid": "emoji",
      }, toned(glyph, this.#state.tone))))));
    this.#grid.scrollTop = 0;
    this.#offer(this.#options()[0]);
  }

  #options() {
    return [...this.#grid.querySelectorAll(".emoji")];
  }

  // The grid is one stop for Tab.
  #offer(option) {
    for (const other of this.#grid.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    if (option) option.tabIndex = 0;
    this.#sayName(option);
  }

  #sayName(target) {
    const option = target?.closest(".emoji");
    this.#name.textContent = option ? option.getAttribute("aria-label") : "";
  }

  #setTone(tone) {
    this.#state.tone = tone;
    this.#memory.write(this.#state);
    this.#showFound();
  }

  #take(option) {
    if (!option) return;
    const { glyph } = option.dataset;
    this.#picked = toned(glyph, this.#state.tone);
    this.#state.recent = [glyph, ...this.#state.recent.filter((other) => other !== glyph)].slice(0, RECENT_MOST);
    this.#memory.write(this.#state);
    this.#dialog.close();
  }

  #searchKey(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") this.#go(event, this.#options()[0]);
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (this.#search.value.trim()) this.#take(this.#options()[0]);
  }

  #gridKey(event) {
    const options = this.#options();
    const at = options.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = {
      ArrowRight: () => options[at + 1],
      ArrowLeft: () => options[at - 1],
      ArrowDown: () => inRow(options, at, 1),
      ArrowUp: () => inRow(options, at, -1) ?? this.#search,
      Home: () => options[0],
      End: () => options.at(-1),
    }[event.key];
    if (to) this.#go(event, to());
    // What is typed goes on in the search.
    else if (event.key.length === 1 && event.key !== " ") this.#search.focus();
  }

  #go(event, target) {
    event.preventDefault();
    if (!target) return;
    if (target !== this.#search) this.#offer(target);
    target.focus();
  }
}

/** Returns the option above or below. */
function inRow(options, at, step) {
  const { top, left } = options[at].getBoundingClientRect();
  let nearest = null;
  let row = null;
  for (let next = at + step; options[next]; next += step) {
    const box = options[next].getBoundingClientRect();
    if (box.top === top) continue;
    row ??= box.top;
    if (box.top !== row) break;
    if (!nearest || Math.abs(box.left - left) < Math.abs(nearest.left - left)) nearest = { left: box.left, option: options[next] };
  }
  return nearest?.option;
}

/** Places the dialog above the anchor, or below if there is more room; always inside the window. On a narrow one the style lays it at the bottom. */
function place(dialog, anchor) {
  const box = anchor.getBoundingClientRect();
  const { width, height } = dialog.getBoundingClientRect();
  if (width >= innerWidth - 2 * GAP) return;
  const above = box.top - GAP - height;
  const top = above >= GAP ? above : Math.min(box.bottom + GAP, innerHeight - height - GAP);
  dialog.style.left = `${Math.max(GAP, Math.min(box.right - width, innerWidth - width - GAP))}px`;
  dialog.style.top = `${Math.max(GAP, top)}px`;
  dialog.style.bottom = dialog.style.right = "auto";
}
