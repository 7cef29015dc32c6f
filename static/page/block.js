// Blocking the other user of a direct conversation. Only the user who blocks sees that there is a block.

import { $ } from "./dom.js";
import { client, on, view } from "./page-client.js";
import { tellProblem } from "./problems.js";
import { twice } from "./twice.js";

const button = $("block");
const peer = () => {
  const conversation = client.conversations.get(view.openId);
  return conversation?.type === "direct" ? conversation.peer : null;
};
const isBlocked = () => client.account.blocked?.has(peer()?.id) ?? false;
let calm = () => {};

export function startBlockView() {
  // A block by mistake would end the conversation for both.
  calm = twice(button, "Press again to block", press, () => !isBlocked());
  for (const topic of ["opened", "conversations", "people", "connection"]) on(topic, render);
  on("opened", () => calm());
}

let shown = "";
function render() {
  // A failed attempt is repeated with the next change of the conversations or the connection.
  if (peer() && client.connection.isLive && !client.account.blocked) client.account.loadBlocked().catch(() => {});
  button.hidden = !peer() || !client.account.blocked;
  const words = isBlocked() ? "Unblock" : "Block";
  if (words === shown) return;
  calm();
  shown = button.textContent = words;
}

let isBusy = false; // a button that is disabled would lose the focus
async function press() {
  const user = peer();
  if (!user || isBusy) return;
  isBusy = true;
  const note = $("composer-note");
  try {
    await (isBlocked() ? client.account.unblock(user.id) : client.account.block(user));
    note.replaceChildren();
  } catch (problem) {
    tellProblem(note, problem);
  } finally {
    isBusy = false;
  }
}
