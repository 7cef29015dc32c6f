// The rows of a group's members. A row stays the same element while its member is one, so that a change of presence loses neither the focus nor a
// question that waits for its answer.

import { avatar, el, fill } from "./dom.js";
import { statusOf } from "./names.js";
import { client } from "./page-client.js";
import { twice } from "./twice.js";

/** Returns {of, clear}. `remove` and `setRole` are called with a user. */
export function memberRows({ remove, setRole }) {
  const rows = new Map(); // user id → {node, face, spoken, buttons, user, signature, status}

  function rowOf(member, ownRole) {
    const { user, role } = member;
    const row = rows.get(user.id) ?? newRow(user.id);
    const isOwn = user.id === client.user.id;
    const signature = JSON.stringify([user.name, user.username, role, ownRole]);
    if (row.signature !== signature) draw(row, member, ownRole, isOwn);
    row.signature = signature;
    const status = statusOf(user.id);
    if (row.status !== status) {
      row.status = status;
      row.face.replaceChildren(avatar(user.id, user.name, status));
      row.spoken.textContent = `, ${status}`;
    }
    return row.node;
  }

  function newRow(id) {
    const row = {
      node: el("li", { class: "member", "data-testid": "member-item" }),
      face: el("span", { class: "member-face" }),
      spoken: el("span", { class: "sr-only" }), // the status, for screen readers
      buttons: new Map(), // those that are offered
    };
    rows.set(id, row);
    return row;
  }

  function draw(row, { user, role }, ownRole, isOwn) {
    const focused = row.node.contains(document.activeElement) ? document.activeElement : null;
    if (row.user?.name !== user.name) row.buttons.clear(); // their labels have the name
    row.user = user;
    row.status = null; // a new name has new initials
    row.node.dataset.username = user.username;
    row.node.dataset.role = role;
    const actions = [
      ownRole === "owner" && role === "member" && action(row, "member-promote", "Make admin", () => setRole(row.user, "admin")),
      ownRole === "owner" && role === "admin" && action(row, "member-demote", "Make member", () => setRole(row.user, "member")),
      ownRole === "owner" && !isOwn && action(row, "hand-over", "Make owner", () => setRole(row.user, "owner"), "Hand the group over?"),
      mayRemove(role, ownRole, isOwn) && action(row, "member-remove", "Remove", () => remove(row.user), "Sure?", "danger-text"),
    ].filter(Boolean);
    row.buttons = new Map(actions.map((button) => [button.dataset.testid, button]));
    fill(row.node, row.face,
      el("span", { class: "option-name" }, el("bdi", {}, user.name), isOwn && " (you)"),
      el("span", { class: "quiet" }, `@${user.username}`, row.spoken),
      role !== "member" && el("span", { class: "role" }, role),
      actions.length > 0 && el("span", { class: "member-actions" }, ...actions));
    if (focused) (focused.isConnected ? focused : actions[0])?.focus({ preventScroll: true });
  }

  // With a question the button asks before it acts. A button that is offered already stays, with its question.
  function action(row, testid, words, act, question, more = "") {
    const known = row.buttons.get(testid);
    if (known) return known;
    const button = el("button", { type: "button", class: `link ${more}`, "data-testid": testid, "aria-label": `${words}: ${row.user.name}` }, words);
    if (question) twice(button, question, act);
    else button.addEventListener("click", act);
    return button;
  }

  return {
    of(members, ownRole) {
      const ids = new Set(members.map(({ user }) => user.id));
      for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
      return members.map((member) => rowOf(member, ownRole));
    },
    clear: () => rows.clear(),
  };
}

function mayRemove(role, ownRole, isOwn) {
  if (isOwn || role === "owner") return false;
  return ownRole === "owner" || (ownRole === "admin" && role === "member");
}
