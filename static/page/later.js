// The messages behind a range in the middle of the history: says how loading them goes.

import { $, el } from "./dom.js";
import { client, view } from "./page-client.js";

export function drawLaterState({ isNewest, laterState }) {
  const line = $("later-state");
  line.hidden = isNewest;
  if (line.dataset.state === laterState) return;
  line.dataset.state = laterState;
  line.replaceChildren(...(laterState === "failed"
    ? ["Later messages could not be loaded. ", el("button", { type: "button", class: "link", click: () => client.history.loadLater(view.openId) }, "Try again")]
    : ["Loading later messages…"]));
}
