// The line that says how the connection is.

import { el, $ } from "./dom.js";
import { client } from "./page-client.js";

const WORDS = { connected: "Connected", connecting: "Connecting…", offline: "Offline", waiting: "Reconnecting", refused: "Not connected.", stopped: "" };
const SECOND_MS = 1_000;
let timer = 0;

export function startConnectionView() {
  client.on("connection", render);
  for (const type of ["online", "offline"]) addEventListener(type, () => render(client.connection.status));
  render(client.connection.status);
}

function render({ state, reason, retryAt }) {
  clearTimeout(timer);
  const line = $("connection-state");
  // A server on this machine answers without a network too, so the client goes on trying.
  const shown = state !== "connected" && !navigator.onLine ? "offline" : state;
  line.dataset.state = shown;
  line.replaceChildren(reason ? `${reason}. ${WORDS[shown]}` : WORDS[shown]);
  if (shown === "waiting") countDown(line, retryAt);
  if (shown === "refused") line.append(" ", el("button", { type: "button", class: "link", "data-testid": "reconnect", click: () => client.connection.start() }, "Try again"));
}

// The seconds are for sighted users alone: a screen reader should not read each of them.
function countDown(line, retryAt) {
  const count = el("span", { "aria-hidden": "true" });
  line.append(count);
  const show = () => {
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / SECOND_MS));
    count.textContent = ` in ${seconds} s…`;
    timer = setTimeout(show, SECOND_MS);
  };
  show();
}
