// What users may do to a message, in its row. It is edited in the composer (editing.js), which has room and the usual keys.

import { $, el, twice } from "./dom.js";
import { beginEdit } from "./editing.js";
import { myRole } from "./names.js";
import { client } from "./page-client.js";

const isText = (message) => message.type !== "system" && !message.state && !message.deleted_at;
const isMine = (message) => message.sender_id === client.user.id;
const mayDelete = (message) => isText(message) && (isMine(message) || ["owner", "admin"].includes(myRole(message.conversation_id)));

/** Returns the allowed actions of a message, which the caller uses to decide whether its row must be rendered again. */
export const rightsOver = (message) => [isText(message) && isMine(message), mayDelete(message)];

/** Returns the buttons of a message; nothing if no action is allowed. */
export function actionsOf(message) {
  const [edit, remove] = rightsOver(message);
  if (!edit && !remove) return null;
  const button = (name, act) => el("button", { type: "button", class: "action", "data-testid": `${name.toLowerCase()}-message`, click: act }, name);
  const removing = remove && button("Delete");
  if (removing) twice(removing, "Really?", () => removeMessage(message));
  return el("div", { class: "message-actions", role: "group", "aria-label": "Change this message" },
    edit && button("Edit", () => beginEdit(message)), removing);
}

// The rows are one stop for Tab, and arrow keys move between them; only the focused row offers its buttons to Tab.
export function steerRows(list) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const rows = [...list.querySelectorAll(".message.mayrevise")];
    const at = rows.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    rows[at + step]?.focus();
  });
}

export function offerRows(list) {
  const rows = list.querySelectorAll(".message.mayrevise");
  for (const row of rows) row.tabIndex = -1;
  if (rows.length) rows[rows.length - 1].tabIndex = 0;
}

async function removeMessage(message) {
  try {
    await client.rest.remove(`/v1/conversations/${message.conversation_id}/messages/${message.id}`);
    client.learnMessage({ ...message, content: "", deleted_at: new Date().toISOString() });
  } catch (problem) {
    $("composer-note").textContent = `Not deleted: ${problem.message}`;
  }
  $("composer-text").focus();
}
