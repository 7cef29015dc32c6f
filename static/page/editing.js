// The edit of a message in the composer. Its text is kept with the drafts, so that neither another conversation, nor a reload, nor a change
// elsewhere loses it.

import { $ } from "./dom.js";
import { client, changed, on, view } from "./page-client.js";
import { mayEdit } from "./revise.js";
import { twice } from "./twice.js";

const ELSEWHERE = "This message was edited elsewhere meanwhile. Saving replaces that text.";

/** @type {{ id: string, conversation_id: string, base: string } | null} `base`: the message's text without this edit */
let editing = null;
let saving = false;
let showText = () => {};
const text = $("composer-text");

/** `show` shows a text in the composer. */
export function startEditing(show) {
  showText = show;
  twice($("edit-cancel"), "Drop your changes?", cancel, isChanged);
  on("timeline", compare);
}

export const isEditing = (id) => (id ? editing?.id === id : editing !== null);

const isChanged = () => editing !== null && text.value.trim() !== editing.base.trim();

/** Edits the user's newest message. Returns false if there is none. */
export function editLast() {
  const { messages = [] } = client.history.get(view.openId) ?? {};
  const last = messages.findLast(mayEdit);
  if (last) beginEdit(last);
  return Boolean(last);
}

export function beginEdit({ id, conversation_id, content }) {
  if (isEditing(id)) return text.focus();
  if (isChanged()) return say("Save or cancel this edit before you begin another one.");
  enter({ id, conversation_id, base: content }, content);
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
}

/** Takes up the edit that is kept for a conversation. Returns false if there is none. */
export function resumeEdit(conversationId) {
  const kept = client.drafts.edit(conversationId);
  if (!kept) return false;
  enter({ id: kept.id, conversation_id: conversationId, base: kept.base }, kept.content);
  compare();
  return true;
}

/** The text has changed. */
export function keepEdit(content) {
  client.drafts.setEdit(editing.conversation_id, isChanged() ? { id: editing.id, base: editing.base, content } : null);
}

/** Ends the edit, after a second request if that loses changes. */
export const stopEdit = () => $("edit-cancel").click();

/** Ends an edit that has changed nothing. Returns false, and says why, if changes would be lost. */
export function leaveEdit() {
  if (isChanged()) {
    say("Save or cancel this edit before you answer a message.");
    return false;
  }
  if (editing) leave();
  return true;
}

/** The composer shows something else from now on. A changed text stays kept. */
export function endEditing() {
  if (editing) show(null);
}

function enter(edit, content) {
  show(edit);
  showText(content);
}

function show(edit) {
  editing = edit;
  $("composer").dataset.editing = String(isEditing());
  $("editing-note").hidden = !isEditing();
  for (const name of ["aria-label", "title"]) $("send").setAttribute(name, isEditing() ? "Save" : "Send");
  changed("rows");
}

/** Shows the unsent text again that was there before the edit. */
function leave() {
  const { conversation_id: conversationId } = editing;
  client.drafts.setEdit(conversationId, null);
  show(null);
  showText(client.drafts.get(conversationId));
}

function cancel() {
  leave();
  text.focus();
}

export async function saveEdit(content) {
  if (saving) return;
  const { id, conversation_id: conversationId, base } = editing;
  if (content === base) return cancel();
  saving = true;
  try {
    client.learnMessage(await client.rest.patch(`/v1/conversations/${conversationId}/messages/${id}`, { content }));
    saved(id, conversationId, content);
  } catch (problem) {
    if (isEditing(id)) say(`Not saved: ${problem.message}`);
  } finally {
    saving = false;
  }
}

function saved(id, conversationId, content) {
  if (!isEditing(id)) {
    const kept = client.drafts.edit(conversationId);
    if (kept?.id === id && kept.content.trim() === content) client.drafts.setEdit(conversationId, null);
  } else if (text.value.trim() === content) {
    cancel();
  } else {
    // The user has written on while it was saved.
    editing.base = content;
    keepEdit(text.value);
  }
}

/** The message may be edited or deleted elsewhere during the edit. */
function compare() {
  if (!editing || saving) return;
  const { id, conversation_id: conversationId, base } = editing;
  if (!client.conversations.has(conversationId) && client.list.isLoaded) return;
  const message = client.history.get(conversationId)?.byId.get(id);
  if (!message) return;
  if (message.deleted_at) return keepAsDraft();
  if (message.content === base) return;
  // The message as it is now replaces a text that the user has not changed here, or that was saved although no answer came.
  if (!isChanged() || message.content === text.value.trim()) return isChanged() ? leave() : enter({ ...editing, base: message.content }, message.content);
  editing.base = message.content;
  keepEdit(text.value);
  say(ELSEWHERE);
}

function keepAsDraft() {
  const { conversation_id: conversationId } = editing;
  const written = isChanged() ? text.value : "";
  if (written) client.drafts.set(conversationId, [client.drafts.get(conversationId), written].filter(Boolean).join("\n"));
  leave();
  say(`The message that you were editing was deleted.${written ? " Your text is still here, as a new message." : ""}`);
}

function say(words) {
  $("composer-note").textContent = words;
}
