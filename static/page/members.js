// The members of a group, and by role: adding, removing, roles, handing over, renaming, deleting. Every member may leave.

import { $, arrange, counted } from "./dom.js";
import { keepFocus } from "./focus.js";
import { memberRows } from "./member-rows.js";
import { myRole } from "./names.js";
import { client, on, view } from "./page-client.js";
import { closeButton, namesOf } from "./people.js";
import { Picker } from "./picker.js";
import { afterPress } from "./press.js";
import { problemWords, tell, tellProblem } from "./problems.js";
import { twice } from "./twice.js";

const dialog = $("members-dialog");
const path = (rest = "") => `/v1/conversations/${view.openId}${rest}`;
let picker = null;
let rows = null;
let calms = [];

export function startMembersView() {
  closeButton(dialog);
  picker = new Picker($("add-picker"), {
    testid: "add-search", label: "Add people", without: memberIds, change: describeAdd, withoutWords: "in the group already",
  });
  rows = memberRows({
    remove: (user) => attempt(null, () => removeMember(user.id)),
    setRole: (user, role) => attempt(null, () => setRole(user.id, role)),
  });
  $("members-open").addEventListener("click", show);
  $("rename-form").addEventListener("submit", (event) => attempt(event, rename));
  $("add-form").addEventListener("submit", (event) => attempt(event, add));
  calms = [
    twice($("leave"), "Press again to leave", () => attempt(null, leave)),
    twice($("delete-group"), "Delete it, with all its messages?", () => attempt(null, deleteGroup)),
  ];
  dialog.addEventListener("close", () => {
    picker.clear();
    rows.clear();
    $("members-list").replaceChildren();
    calms.forEach((calm) => calm());
  });
  for (const topic of ["people", "conversations"]) on(topic, () => dialog.open && render());
  on("opened", () => dialog.close());
}

function show() {
  showError();
  $("rename").value = client.conversations.get(view.openId).name ?? "";
  dialog.showModal();
  render();
  if (mayManage()) picker.reset();
  describeAdd();
  client.people.reloadMembers(view.openId);
}

const members = () => client.people.members.get(view.openId) ?? [];
const memberIds = () => new Set(members().map((member) => member.user.id));
const mayManage = () => ["owner", "admin"].includes(myRole(view.openId));

const render = () => afterPress(draw);

function draw() {
  const all = members();
  const role = myRole(view.openId);
  const count = Math.max(client.conversations.get(view.openId)?.member_count ?? 0, all.length);
  $("members-title").textContent = `Members (${count.toLocaleString("en")})`;
  $("rename-form").hidden = $("add-form").hidden = !mayManage();
  const order = { owner: 0, admin: 1, member: 2 };
  const sorted = all.toSorted((a, b) => order[a.role] - order[b.role] || a.user.name.localeCompare(b.user.name));
  keepFocus($("members-list"), () => arrange($("members-list"), rows.of(sorted, role)), () => $("members-title"));
  $("members-rest").hidden = all.length === 0 || count <= all.length;
  $("members-rest").textContent = `${counted(count - all.length, "more member")} cannot be shown here.`;
  const mustHandOver = role === "owner" && count > 1;
  $("leave").hidden = mustHandOver;
  $("leave-hint").hidden = !mustHandOver;
  $("delete-group").hidden = role !== "owner";
  picker.render();
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
    afterPress(() => tellProblem($("members-error"), problem));
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
      reason = problemWords(problem);
    }
    picker.toggle(user);
  }
  await refreshMembers();
  afterPress(() => {
    picker.input.focus(); // the button that was pressed takes no press any more
    if (refused.length) showError("Not added: ", ...namesOf(refused), `. ${reason}`);
  });
}

async function removeMember(userId) {
  await client.rest.remove(path(`/members/${userId}`));
  await refreshMembers();
}

async function setRole(userId, role) {
  await client.rest.patch(path(`/members/${userId}`), { role });
  await refreshMembers();
}

async function refreshMembers() {
  await Promise.all([client.people.reloadMembers(view.openId), client.list.fetch(view.openId)]);
  render();
}

const leave = () => goFrom(path(`/members/${client.user.id}`));
const deleteGroup = () => goFrom(path());

async function goFrom(target) {
  const id = view.openId;
  view.leavingId = id; // the event may arrive before the response
  try {
    await client.rest.remove(target);
    client.lose(id);
  } catch (problem) {
    view.leavingId = null;
    throw problem;
  }
}

function showError(...words) {
  tell($("members-error"), ...words);
}
