// Jumps to a message, wherever it is in the history, and back. `#<conversation id>/<seq>` is the link to a message.

import { $, icon } from "./dom.js";
import { notify } from "./notice.js";
import { client, on, view } from "./page-client.js";

const MARKED_MS = 2_500;
let reveal = () => null;
let showNewest = () => {};
let jumps = 0; // of several jumps the last one counts
let back = null; // {conversationId, seq}: the message from which the reader jumped

/** `reveal` shows a message that is loaded, by its id, and returns its row; `showNewest` goes to the end of what is loaded. */
export function startJumps(hooks) {
  ({ reveal, showNewest } = hooks);
  $("jump-back").prepend(icon("back"));
  $("jump-back").addEventListener("click", () => jumpTo(back.conversationId, back.seq));
  on("opened", () => {
    if (back?.conversationId !== view.openId) offerWayBack(null);
    const { openId, seq } = view;
    view.seq = null;
    if (seq) jumpTo(openId, seq);
  });
}

/** Returns the conversation's id and the number of the message in the fragment of an address. */
export function placeIn(hash) {
  const [, id = null, seq] = /^#([0-9a-f-]{36})(?:\/([0-9]{1,15}))?$/i.exec(hash) ?? [];
  return { id, seq: seq ? Number(seq) : null };
}

export const linkTo = ({ conversation_id, seq }) => new URL(`#${conversation_id}/${seq}`, location.href).href;

/**
 * Shows the message with this number, and marks it for a moment.
 * @param {string} conversationId the open one @param {number} seq
 * @param {number} [from] the number of the message from which the reader comes, and to which a button leads back
 */
export async function jumpTo(conversationId, seq, from) {
  const jump = ++jumps;
  const isLoaded = await client.openAround(conversationId, seq);
  if (jump !== jumps || view.openId !== conversationId) return;
  // The message has been reached: a reload, or another jump, begins from here.
  if (placeIn(location.hash).seq) history.replaceState(history.state, "", `#${conversationId}`);
  if (!isLoaded) return void (client.history.get(conversationId) && notify("That message could not be loaded. Try again in a moment."));
  offerWayBack(from ? { conversationId, seq: from } : null);
  const message = client.history.get(conversationId).messages.findLast((one) => one.seq <= seq);
  const row = message && reveal(message.id);
  if (row) mark(row);
  if (message?.seq !== seq) notify("There is no such message here.");
  else if (message.deleted_at) notify("That message was deleted.");
}

/** Shows the newest messages. */
export async function toNewest() {
  const { openId } = view;
  jumps += 1;
  offerWayBack(null);
  if (!client.history.get(openId)?.isNewest) {
    const isLoaded = await client.openNewest(openId);
    if (view.openId !== openId) return;
    if (!isLoaded) return notify("The newest messages cannot be loaded now. What you write is sent when the connection is back.");
  }
  showNewest();
}

function mark(row) {
  row.focus({ preventScroll: true });
  row.dataset.marked = "";
  setTimeout(() => delete row.dataset.marked, MARKED_MS);
}

function offerWayBack(place) {
  back = place;
  $("jump-back").hidden = !back;
}
