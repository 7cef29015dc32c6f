// The people whom the user blocks.

import { arrange, avatar, el } from "./dom.js";
import { keepFocus } from "./focus.js";
import { client, on } from "./page-client.js";
import { Section } from "./settings-section.js";

export function blockedSection() {
  const rows = el("ul", { class: "entries bounded", "aria-label": "Blocked people" });
  const nodes = new Map(); // user id → row
  const empty = el("p", { class: "quiet" });
  const section = new Section("blocked", "Blocked people", rows, empty);
  let isShown = false;

  function render() {
    if (!isShown) return;
    const { blocked } = client.account;
    const users = [...(blocked?.values() ?? [])];
    for (const id of nodes.keys()) if (!blocked?.has(id)) nodes.delete(id);
    keepFocus(rows, () => arrange(rows, users.map((user) => nodes.get(user.id) ?? nodes.set(user.id, row(user)).get(user.id))), () => section.heading);
    empty.hidden = users.length > 0;
    empty.textContent = blocked ? "You block nobody. In a direct conversation, “Block” is above the messages." : "Loading…";
  }

  const row = (user) => el("li", { class: "entry with-avatar", "data-testid": "blocked", "data-username": user.username },
    avatar(user.id, user.name), el("p", { class: "entry-name" }, user.name), el("p", { class: "quiet" }, `@${user.username}`),
    el("button", { type: "button", class: "link", "data-testid": "unblock", "aria-label": `Unblock ${user.name}`, click: () => unblock(user) }, "Unblock"));

  const unblock = (user) => section.attempt(() => client.account.unblock(user.id), `${user.name} is not blocked any more.`);

  async function show() {
    isShown = true;
    render();
    try {
      await client.account.loadBlocked();
    } catch (problem) {
      section.refuse(problem);
      empty.hidden = true;
    }
  }

  const hide = () => {
    isShown = false;
    nodes.clear();
    rows.replaceChildren();
  };
  on("people", render);
  return { section, show, hide };
}
