// The user chooses who may begin a conversation with them, and what others see of them. Each choice holds at once.

import { el } from "./dom.js";
import { client } from "./page-client.js";
import { Section } from "./settings-section.js";

const CONTACTS = { everyone: "Everybody", contacts: "People I have written to or added", nobody: "Nobody" };
const SWITCHES = {
  send_receipts: ["Show others what I have read", "If this is off, you do not see what others have read either."],
  show_last_seen: ["Show others when I was last here", "If this is off, the time is not kept."],
};

export function privacySection() {
  let known = null; // the settings that the server has
  let changes = 0;
  const contact = el("select", { id: "privacy-contact", "data-testid": "privacy-contact", change: () => save("contact_from", contact.value) },
    ...Object.entries(CONTACTS).map(([value, words]) => el("option", { value }, words)));
  const switches = Object.fromEntries(Object.keys(SWITCHES).map((name) => {
    const id = `privacy-${name}`;
    const box = el("input", { type: "checkbox", id, "data-testid": id, "aria-describedby": `${id}-hint`, change: () => save(name, box.checked) });
    return [name, box];
  }));
  const section = new Section("privacy", "Privacy",
    el("div", { class: "field" }, el("label", { for: contact.id }, "Who may start a conversation with me, or add me to a group"), contact),
    ...Object.entries(SWITCHES).map(([name, [label, hint]]) => el("div", { class: "switch-field" },
      switches[name], el("label", { for: switches[name].id }, label), el("p", { class: "hint", id: `privacy-${name}-hint` }, hint))));

  function render() {
    for (const control of [contact, ...Object.values(switches)]) control.disabled = !known;
    contact.value = known?.contact_from ?? "everyone";
    for (const [name, box] of Object.entries(switches)) box.checked = known?.[name] ?? false;
  }

  async function save(name, value) {
    const change = ++changes;
    section.say();
    try {
      const { settings } = await client.account.update({ settings: { [name]: value } });
      known = { ...known, [name]: settings[name] };
      if (change === changes) section.say("Saved.");
    } catch (problem) {
      section.refuse(problem);
    }
    // The controls show what the user has chosen until the server has answered all changes.
    if (change === changes) render();
  }

  async function show() {
    known = null;
    render();
    try {
      known = (await client.account.load()).settings;
    } catch (problem) {
      section.refuse(problem);
    }
    render();
  }

  return { section, show, hide: () => {} };
}
