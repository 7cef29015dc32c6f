// The line that says how the connection is.

import { el, $ } from "./dom.js";
import { client } from "./page-client.js";

const WORDS = {
  connected: "Connected", silent: "The server does not answer", connecting: "Connecting…", offline: "This device is offline", waiting: "Reconnecting",
  refused: "Not connected.", stopped: "",
};
const SECOND_MS = 1_000;
const PATIENCE_MS = 5_000; // how long the server has been silent when the client says so
let timer = 0;

export function startConnectionView() {
  client.on("connection", render);
  for (const type of ["online", "offline"]) addEventListener(type, () => render(client.connection.status));
  render(client.connection.status);
}

function render({ state, reason, retryAt, isSilent }) {
  clearTimeout(timer);
  const line = $("connection-state");
  const shown = shownState(state, isSilent);
  const cause = shown === "offline" ? "" : shown === "connecting" && isSilent ? WORDS.silent : reason;
  line.dataset.state = shown;
  line.replaceChildren(cause ? `${cause}. ${WORDS[shown]}` : WORDS[shown]);
  if (shown === "waiting") count(line, () => ` in ${secondsTo(retryAt)} s…`);
  if (shown === "silent") {
    const since = Date.now() - PATIENCE_MS;
    count(line, () => ` (${Math.round((Date.now() - since) / SECOND_MS)} s)`);
  }
  if (shown === "refused") line.append(" ", el("button", { type: "button", class: "link", "data-testid": "reconnect", click: () => client.connection.start() }, "Try again"));
}

// A server on this machine answers without a network too, so the client goes on trying.
function shownState(state, isSilent) {
  if (state !== "connected" && !navigator.onLine) return "offline";
  return state === "connected" && isSilent ? "silent" : state;
}

const secondsTo = (time) => Math.max(1, Math.ceil((time - Date.now()) / SECOND_MS));

// The seconds are for sighted users alone: a screen reader should not read each of them.
function count(line, words) {
  const counted = el("span", { "aria-hidden": "true" });
  line.append(counted);
  const show = () => {
    counted.textContent = words();
    timer = setTimeout(show, SECOND_MS);
  };
  show();
}
