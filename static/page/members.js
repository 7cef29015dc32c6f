// The members of a group, and by role: inviting, removing, renaming. Every member may leave.

import { $, avatar, el, twice } from "./dom.js";
import { myRole, statusOf } from "./names.js";
import { client, on, view } from "./page-client.js";
import { closeButton, namesOf, Picker } from "./people.js";

let picker = null;
const dialog = $("members-dialog");
const path = (rest = "") => `/v1/conversations/${view.openId}${rest}`;

export function startMembersView() {
  closeButton(dialog);
  picker = new Picker($("add-picker"), { testid: "add-search", label: "Add people", without: memberIds, change: describeAdd });
  $("members-open").addEventListener("click", show);
  $("rename-form").addEventListener("submit", (event) => attempt(event, rename));
  $("add-form").addEventListener("submit", (event) => attempt(event, add));
  twice($("leave"), "Press again to leave", () => attempt(null, leave));
  dialog.addEventListener("close", () => {
    picker.clear();
    $("members-list").replaceChildren();
  });
  on("people", () => dialog.open && render());
  on("opened", () => dialog.close());
}

function show() {
  showError();
  $("rename").value = client.conversations.get(view.openId).name ?? "";
  render();
  if (mayManage()) picker.reset();
  describeAdd();
  dialog.showModal();
  client.people.reloadMembers(view.openId);
}

const memberIds = () => new Set((client.people.members.get(view.openId) ?? []).map((member) => member.user.id));
const mayManage = () => ["owner", "admin"].includes(myRole(view.openId));

function mayRemove(member) {
  if (member.user.id === client.user.id || member.role === "owner") return false;
  return myRole(view.openId) === "owner" || (myRole(view.openId) === "admin" && member.role === "member");
}

function render() {
  const all = client.people.members.get(view.openId) ?? [];
  const count = client.conversations.get(view.openId)?.member_count ?? all.length;
  $("members-title").textContent = `Members (${Math.max(count, all.length)})`;
  $("rename-form").hidden = $("add-form").hidden = !mayManage();
  const order = { owner: 0, admin: 1, member: 2 };
  const sorted = all.toSorted((a, b) => order[a.role] - order[b.role] || a.user.name.localeCompare(b.user.name));
  $("members-list").replaceChildren(...sorted.map(memberItem));
  picker.render();
}

function memberItem(member) {
  const { user, role } = member;
  const remove = mayRemove(member) &&
    el("button", { type: "button", class: "link danger-text", "data-testid": "member-remove", "aria-label": `Remove ${user.name}` }, "Remove");
  if (remove) twice(remove, "Sure?", () => attempt(null, () => removeMember(user.id)));
  return el("li", { class: "member", "data-testid": "member-item", "data-username": user.username, "data-role": role },
    avatar(user.id, user.name, statusOf(user.id)),
    el("span", { class: "option-name" }, user.name, user.id === client.user.id && " (you)"),
    el("span", { class: "quiet" }, `@${user.username}`, el("span", { class: "sr-only" }, `, ${statusOf(user.id)}`)),
    role !== "member" && el("span", { class: "role" }, role), remove);
}

function describeAdd() {
  const count = picker.picked.size;
  $("add-people").disabled = count === 0;
  $("add-people").textContent = count > 1 ? `Add ${count} people` : "Add";
}

async function attempt(event, work) {
  event?.preventDefault();
  showError();
  try {
    await work();
  } catch (problem) {
    showError(problem.errors.map(({ detail }) => detail).join(" ") || problem.message);
  }
}

async function rename() {
  const { id, name } = await client.rest.patch(path(), { name: $("rename").value.trim() });
  client.conversations.learn({ ...client.conversations.get(id), name });
}

async function add() {
  const refused = [];
  let reason = "";
  for (const user of [...picker.picked.values()]) {
    try {
      await client.rest.post(path("/members"), { user_id: user.id });
    } catch (problem) {
      if (problem.code !== "forbidden") throw problem;
      refused.push(user);
      reason = problem.message;
    }
    picker.toggle(user);
  }
  await refreshMembers();
  if (refused.length) showError(...namesOf(refused), `: ${reason}`);
}

async function removeMember(userId) {
  await client.rest.remove(path(`/members/${userId}`));
  await refreshMembers();
}

async function refreshMembers() {
  await Promise.all([client.people.reloadMembers(view.openId), client.list.fetch(view.openId)]);
  render();
}

async function leave() {
  const id = view.openId;
  view.leavingId = id; // the event may arrive before the response
  try {
    await client.rest.remove(path(`/members/${client.user.id}`));
    client.lose(id);
  } catch (problem) {
    view.leavingId = null;
    throw problem;
  }
}

function showError(...words) {
  $("members-error").replaceChildren(...words);
  $("members-error").hidden = words.length === 0;
}
