// What users do to a message: the buttons beside it, and the menu behind the last of them.

import { el, icon, twice } from "./dom.js";
import { openMenu } from "./menu.js";
import { markUnread, mayMarkUnread } from "./reading.js";
import { beginEdit, mayDelete, mayEdit, removeMessage } from "./revise.js";

/**
 * `isIn`: "bar" is a button beside the message, "menu" an entry of its menu. `sure`: the question of a button that has to be pressed twice. A
 * bar is drawn again when another set of actions is allowed.
 * @type {{ name: string, words: string, isIn: "bar" | "menu", sure?: string, isAllowed: (message: any) => boolean, run: (message: any) => void }[]}
 */
const ACTIONS = [
  { name: "edit", words: "Edit", isIn: "bar", isAllowed: mayEdit, run: beginEdit },
  { name: "delete", words: "Delete", isIn: "bar", sure: "Really?", isAllowed: mayDelete, run: removeMessage },
  { name: "unread", words: "Mark as unread from here", isIn: "menu", isAllowed: mayMarkUnread, run: markUnread },
];

/** Returns the actions that are allowed. */
export const actionsOf = (message) => ACTIONS.filter(({ isAllowed }) => isAllowed(message));

/** Returns the buttons of a message. `current` returns the message as it is when one is pressed. */
export function actionBar(current) {
  const actions = actionsOf(current());
  const bar = actions.filter(({ isIn }) => isIn === "bar").map((action) => {
    const pressed = () => action.run(current());
    const button = el("button", { type: "button", class: `action${action.sure ? " danger-text" : ""}`, "data-testid": `${action.name}-message`, click: !action.sure && pressed }, action.words);
    if (action.sure) twice(button, action.sure, pressed);
    return button;
  });
  const hasMenu = actions.some(({ isIn }) => isIn === "menu");
  return el("div", { class: "message-actions", role: "group", "aria-label": "What to do with this message" }, ...bar, hasMenu && menuButton(current));
}

function menuButton(current) {
  return el("button", {
    type: "button", class: "action", "data-testid": "more-message", "aria-label": "More", "aria-haspopup": "menu", title: "More",
    click: ({ currentTarget }) => openMenu(currentTarget, actionsOf(current()).filter(({ isIn }) => isIn === "menu").map(({ name, words, run }) => (
      { name: `${name}-message`, words, run: () => run(current()) }))),
  }, icon("more"));
}
