// Editing and deleting messages. A message is edited in the composer, which has room and the usual keys. The buttons are in
// message-actions.js.

import { $ } from "./dom.js";
import { myRole } from "./names.js";
import { changed, client, on, view } from "./page-client.js";

let editing = null; // {message, draft}: the edited message, and the unsent text before the edit
let saving = false;
let fit = () => {};

/** `measure` fits the composer to its text. */
export function startRevising(measure) {
  fit = measure;
  $("edit-cancel").addEventListener("click", stopEdit);
  on("timeline", stopIfGone);
}

export const isEditing = (id) => (id ? editing?.message.id === id : editing !== null);

const isText = (message) => message.type !== "system" && !message.state && !message.deleted_at;
const isMine = (message) => message.sender_id === client.user.id;
export const mayEdit = (message) => isText(message) && isMine(message);
export const mayDelete = (message) => isText(message) && (isMine(message) || ["owner", "admin"].includes(myRole(message.conversation_id)));

// Editing

/** Edits the user's newest message. Returns false if there is none. */
export function editLast() {
  const last = client.history.get(view.openId)?.messages.findLast(mayEdit);
  if (last) beginEdit(last);
  return Boolean(last);
}

export function beginEdit(message) {
  stopEdit();
  const text = $("composer-text");
  editing = { message, draft: text.value };
  show(message.content);
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
}

/** Restores the unsent text. */
export function stopEdit() {
  if (!editing) return;
  const { draft } = editing;
  editing = null;
  show(draft);
  $("composer-text").focus();
}

function show(words) {
  $("composer-text").value = words;
  $("composer").dataset.editing = String(isEditing());
  $("editing-note").hidden = !isEditing();
  for (const name of ["aria-label", "title"]) $("send").setAttribute(name, isEditing() ? "Save (Enter)" : "Send (Enter)");
  fit();
  changed("rows");
}

export async function saveEdit(content) {
  if (saving) return;
  const { message } = editing;
  if (content === message.content) return stopEdit();
  saving = true;
  try {
    client.learnMessage(await client.rest.patch(path(message), { content }));
    if (isEditing(message.id)) stopEdit();
  } catch (problem) {
    if (isEditing(message.id)) $("composer-note").textContent = `Not saved: ${problem.message}`;
  } finally {
    saving = false;
  }
}

// Another user may delete the message during the edit.
function stopIfGone() {
  if (!editing) return;
  const { id, conversation_id } = editing.message;
  const timeline = client.history.get(conversation_id);
  if (client.conversations.has(conversation_id) && !timeline?.byId.get(id)?.deleted_at) return;
  stopEdit();
  $("composer-note").textContent = "The message that you were editing was deleted.";
}

export async function removeMessage(message) {
  try {
    await client.rest.remove(path(message));
    client.learnMessage({ ...message, content: "", deleted_at: new Date().toISOString() });
  } catch (problem) {
    $("composer-note").textContent = `Not deleted: ${problem.message}`;
  }
  $("composer-text").focus();
}

const path = ({ conversation_id, id }) => `/v1/conversations/${conversation_id}/messages/${id}`;
