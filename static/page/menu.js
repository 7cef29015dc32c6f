// A menu that opens at a button. One element serves all buttons: a popover stands above everything, and closes at Escape and at a press
// elsewhere.

import { el } from "./dom.js";

const GAP = 4; // pixels between the button and the menu
const EDGE = 8; // pixels between the menu and the edge of the window
const menu = el("div", { class: "action-menu", role: "menu", popover: "auto", keydown: steer, toggle: closed });
let opener = null;

/** Opens the menu of a button. @param {HTMLElement} button @param {{ name: string, words: string, run: () => void }[]} entries */
export function openMenu(button, entries) {
  if (!menu.isConnected) document.body.append(menu);
  opener = button;
  button.setAttribute("aria-expanded", "true");
  menu.setAttribute("aria-label", button.getAttribute("aria-label") ?? button.textContent);
  menu.replaceChildren(...entries.map(({ name, words, run }) => el("button", {
    type: "button", role: "menuitem", class: "action-entry", tabindex: "-1", "data-testid": name,
    click: () => {
      menu.hidePopover();
      run();
    },
  }, words)));
  menu.showPopover();
  stand(button.getBoundingClientRect());
  menu.firstElementChild.focus();
}

// Below the button, or above it where there is no room.
function stand({ left, right, top, bottom }) {
  const { width, height } = menu.getBoundingClientRect();
  const x = Math.min(left, right - width, innerWidth - width - EDGE);
  const y = bottom + GAP + height > innerHeight - EDGE ? top - GAP - height : bottom + GAP;
  menu.style.left = `${Math.max(EDGE, x)}px`;
  menu.style.top = `${Math.max(EDGE, y)}px`;
}

function steer(event) {
  const entries = [...menu.children];
  const at = entries.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  entries.at(next % entries.length).focus();
}

function closed({ newState }) {
  if (newState !== "closed" || !opener) return;
  opener.setAttribute("aria-expanded", "false");
  // A button that shows at the focus alone cannot take it before its row has it.
  const isLost = document.activeElement === document.body || menu.contains(document.activeElement);
  if (isLost) (opener.closest("[tabindex]") ?? opener).focus({ preventScroll: true });
  opener = null;
}
