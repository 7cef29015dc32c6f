// The account menu: who one is, the settings, and logging out.

import { $, avatar, el } from "./dom.js";
import { client, on } from "./page-client.js";
import { twice } from "./twice.js";

/** `logOut` runs at once, or after a second press if messages are unsent. */
export function startAccountMenu({ openSettings, logOut }) {
  const menu = $("me");
  const close = () => menu.removeAttribute("open");
  document.addEventListener("click", (event) => event.composedPath().includes(menu) || close());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    close();
    $("me-summary").focus();
  });
  $("settings-open").addEventListener("click", () => {
    close();
    $("me-summary").focus(); // where the focus returns to when the dialog is closed
    openSettings();
  });
  twice($("logout"), "Messages are unsent. Log out?", logOut, () => client.outbox.size > 0);
  on("people", render);
  render();
}

let shownName = null;
function render() {
  const { id, name, username } = client.user;
  if (name === shownName) return;
  shownName = name;
  $("me-summary").replaceChildren(avatar(id, name), el("span", { class: "sr-only" }, `${name}: account menu`));
  $("me-name").textContent = name;
  $("me-username").textContent = `@${username}`;
}
