// A menu that opens at a button. One element serves all buttons: a popover stands above everything, and closes at Escape and at a press
// elsewhere.

import { $, el } from "./dom.js";
import { twice } from "./twice.js";

const GAP = 4; // pixels between the button and the menu
const EDGE = 8; // pixels between the menu and the edge of the window
const menu = el("div", { class: "action-menu", role: "menu", popover: "auto", keydown: steer, toggle: closed });
let opener = null;

/**
 * Opens the menu of a button. `sure`: the question of an entry that has to be pressed twice. `head`: menu items before the entries. `at`: where the
 * menu stands, if not at the button. `pointerId`: the finger whose press opens it; its end would be a press elsewhere, which closes the menu.
 * @param {HTMLElement} button @param {{ name: string, words: string, sure?: string, run: () => void }[]} entries
 * @param {{ label?: string, head?: HTMLElement, at?: DOMRect, pointerId?: number }} [more]
 */
export function openMenu(button, entries, { label, head, at, pointerId } = {}) {
  if (!menu.isConnected) $("conversation").append(menu);
  opener = button;
  if (button.hasAttribute("aria-haspopup")) button.setAttribute("aria-expanded", "true");
  menu.setAttribute("aria-label", label ?? button.getAttribute("aria-label") ?? button.textContent);
  menu.replaceChildren(...(head ? [head] : []), ...entries.map(entryOf));
  menu.showPopover();
  if (pointerId !== undefined) menu.setPointerCapture(pointerId);
  stand(at ?? button.getBoundingClientRect());
  items()[0].focus();
}

export const closeMenu = () => menu.hidePopover();

const items = () => [...menu.querySelectorAll("[role=menuitem]")];

function entryOf({ name, words, sure, run }) {
  const chosen = () => {
    giveBack(); // before it runs: a dialog that it opens gives the focus back to where it was
    closeMenu();
    run();
  };
  const entry = el("button", {
    type: "button", role: "menuitem", class: `action-entry${sure ? " danger-text" : ""}`, tabindex: "-1", "data-testid": name, click: !sure && chosen,
  }, words);
  if (sure) twice(entry, sure, chosen);
  return entry;
}

// Below the button, or above it where there is no room.
function stand({ left, top, bottom }) {
  menu.style.left = "0px"; // where it stood last, there may have been less room
  const { width, height } = menu.getBoundingClientRect();
  const x = Math.min(left, innerWidth - width - EDGE);
  const y = bottom + GAP + height > innerHeight - EDGE ? top - GAP - height : bottom + GAP;
  menu.style.left = `${Math.max(EDGE, x)}px`;
  menu.style.top = `${Math.max(EDGE, y)}px`;
}

function steer(event) {
  const entries = items();
  const at = entries.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  entries.at(next % entries.length).focus();
}

function closed({ newState }) {
  if (newState !== "closed" || !opener) return;
  if (opener.hasAttribute("aria-haspopup")) opener.setAttribute("aria-expanded", "false");
  if (document.activeElement === document.body || menu.contains(document.activeElement)) giveBack();
  opener = null;
}

// A button that shows at the focus alone cannot take it before its row has it.
function giveBack() {
  (opener.closest("[tabindex]") ?? opener).focus({ preventScroll: true });
}
