// Starting a conversation with people.

import { $, el, icon } from "./dom.js";
import { notify } from "./notice.js";
import { client } from "./page-client.js";
import { Picker } from "./picker.js";
import { tell, tellProblem } from "./problems.js";

export function closeButton(dialog) {
  const close = dialog.querySelector("[data-close]");
  close.append(icon("close"));
  close.addEventListener("click", () => dialog.close());
  // A press on the backdrop is a press on the dialog itself: everything inside is in its children.
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
}

/** Returns names as nodes, each in an element of its own, so that none is read as words of the page. */
export const namesOf = (users) => users.flatMap(({ name }, index) => [index > 0 && ", ", el("bdi", { class: "name" }, name)].filter(Boolean));

/** Begins a conversation, or finds the direct one that exists. `first` is one of its users. */
export async function beginConversation(body, first) {
  const conversation = await client.rest.post("/v1/conversations", body);
  if (conversation.type === "direct") conversation.peer ??= first;
  client.conversations.learn(conversation);
  return conversation;
}

/** Returns the function that opens the dialog. */
export function startPeopleView(open) {
  const dialog = $("start-dialog");
  closeButton(dialog);
  const picker = new Picker($("start-picker"), { testid: "people-search", label: "With whom?", without: () => new Set(), change: describe });
  dialog.addEventListener("close", () => picker.clear());
  $("group-name").addEventListener("input", describe);
  $("start-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!picker.picked.size || $("start-conversation").disabled) return;
    $("start-conversation").disabled = true;
    try {
      const conversation = await create();
      dialog.close();
      open(conversation.id);
      sayNotAdded(conversation);
    } catch (problem) {
      tellProblem($("start-error"), problem);
      describe();
    }
  });

  function describe() {
    const count = picker.picked.size;
    const group = isGroup();
    $("start-conversation").disabled = count === 0;
    $("start-conversation").textContent = count === 0 ? "Start" : group ? "Start group" : "Start chat";
    $("start-hint").replaceChildren(...(count === 0 ? ["Pick one person, or several for a group."]
      : group ? [`A group of ${count + 1}, you included.`] : ["Just you and ", ...namesOf([...picker.picked.values()].slice(0, 1)), "."]));
  }

  const isGroup = () => picker.picked.size > 1 || $("group-name").value.trim() !== "";

  function create() {
    const picks = [...picker.picked.values()];
    const name = $("group-name").value.trim();
    const type = isGroup() ? "group" : "direct";
    return beginConversation({ type, ...(name && { name }), member_ids: picks.map((user) => user.id) }, picks[0]);
  }

  return () => {
    $("group-name").value = "";
    tell($("start-error"));
    picker.reset();
    describe();
    dialog.showModal();
    picker.input.focus();
  };
}

function sayNotAdded({ not_added: ids = [] }) {
  const refused = ids.map((id) => client.people.users.get(id)).filter(Boolean);
  if (refused.length) notify("Not in the group, because they do not accept it: ", ...namesOf(refused), ".");
}
