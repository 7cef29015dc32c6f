// The messages behind a range in the middle of the history: loads them as the reader comes near, and says how that goes.

import { $, el } from "./dom.js";
import { client, view } from "./page-client.js";

const LOAD_AHEAD = 600; // pixels

export function loadIfNearEnd() {
  const timeline = client.history.get(view.openId);
  const { scrollHeight, scrollTop, clientHeight } = $("scroller");
  const isNear = scrollHeight - scrollTop - clientHeight < LOAD_AHEAD;
  if (timeline?.isLoaded && !timeline.isNewest && timeline.laterState === "idle" && isNear) client.history.loadLater(view.openId);
}

export function drawLaterState({ isNewest, laterState }) {
  const line = $("later-state");
  line.hidden = isNewest;
  if (line.dataset.state === laterState) return;
  line.dataset.state = laterState;
  line.replaceChildren(...(laterState === "failed"
    ? ["Later messages could not be loaded. ", el("button", { type: "button", class: "link", click: () => client.history.loadLater(view.openId) }, "Try again")]
    : ["Loading later messages…"]));
}
