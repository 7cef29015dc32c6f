// Senders edit and delete their messages, and admins of a group delete any. A message is edited in the composer (editing.js), which has room and the usual keys. The
// buttons are in message-actions.js.

import { $ } from "./dom.js";
import { myRole } from "./names.js";
import { client } from "./page-client.js";

const isText = (message) => message.type !== "system" && !message.state && !message.deleted_at;
const isMine = (message) => message.sender_id === client.user.id;
export const mayEdit = (message) => isText(message) && isMine(message);
export const mayDelete = (message) => isText(message) && (isMine(message) || ["owner", "admin"].includes(myRole(message.conversation_id)));

export async function removeMessage(message) {
  try {
    await client.rest.remove(`/v1/conversations/${message.conversation_id}/messages/${message.id}`);
    client.learnMessage({ ...message, content: "", deleted_at: new Date().toISOString() });
  } catch (problem) {
    $("composer-note").textContent = `Not deleted: ${problem.message}`;
  }
  $("composer-text").focus();
}
