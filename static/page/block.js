// Blocking the other user of a direct conversation. Only the user who blocks sees that there is a block.

import { $ } from "./dom.js";
import { client, on, view } from "./page-client.js";

let blocked = null; // ids of users; null until they are loaded
let loading = null;
let asked = 0; // when the press that asks for another one is forgotten

const button = $("block");
const peerId = () => {
  const conversation = client.conversations.get(view.openId);
  return conversation?.type === "direct" ? conversation.peer?.id : undefined;
};

export function startBlockView() {
  button.addEventListener("click", press);
  for (const topic of ["opened", "conversations", "connection"]) on(topic, render);
  on("opened", calm);
}

function render() {
  const id = peerId();
  if (id && !blocked && client.connection.isLive) load();
  button.hidden = !id || !blocked;
  if (!id || !blocked || asked) return;
  button.textContent = blocked.has(id) ? "Unblock" : "Block";
}

function calm() {
  clearTimeout(asked);
  asked = 0;
  render();
}

// A failed attempt is repeated with the next change of the conversations or the connection.
function load() {
  loading ??= loadAll().then(render, () => {}).finally(() => { loading = null; });
}

async function loadAll() {
  const blocks = await client.rest.all("/v1/users/me/blocks?limit=200");
  blocked = new Set(blocks.map(({ user }) => user.id));
}

async function press() {
  const id = peerId();
  const isBlocked = blocked.has(id);
  // A block by mistake would end the conversation for both.
  if (!isBlocked && !asked) {
    button.textContent = "Press again to block";
    asked = setTimeout(calm, 4000);
    return;
  }
  button.disabled = true;
  try {
    await (isBlocked ? client.rest.remove(`/v1/users/${id}/block`) : client.rest.put(`/v1/users/${id}/block`));
    if (isBlocked) blocked.delete(id);
    else blocked.add(id);
    $("composer-note").textContent = "";
  } catch (problem) {
    $("composer-note").textContent = problem.message;
  } finally {
    button.disabled = false;
    calm();
  }
}
