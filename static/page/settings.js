// The settings of the user: a dialog with a section for each part. Also its small ones: name, password, deleting the account.

import { el } from "./dom.js";
import { client, view } from "./page-client.js";
import { closeButton } from "./people.js";
import { blockedSection } from "./settings-blocked.js";
import { privacySection } from "./settings-privacy.js";
import { field, form, Section } from "./settings-section.js";
import { sessionsSection } from "./settings-sessions.js";
import { twice } from "./twice.js";

const MISSING = { current: "Your current password is needed.", next: "A new password is needed.", name: "A name is needed.", password: "Your password is needed." };

/** Returns the function that opens the dialog. */
export function startSettingsView() {
  const sessions = sessionsSection();
  const parts = [profileSection(), passwordSection(() => sessions.show()), privacySection(), sessions, blockedSection(), deletionSection()];
  const dialog = el("dialog", { id: "settings-dialog", class: "sheet", "data-testid": "settings", "aria-labelledby": "settings-title" },
    el("header", { class: "bar" }, el("h2", { id: "settings-title" }, "Settings"),
      el("button", { type: "button", class: "round ghost", "data-close": true, "aria-label": "Close" })),
    el("div", { class: "sheet-body settings" }, ...parts.map(({ section }) => section.node)));
  document.body.append(dialog);
  closeButton(dialog);
  // Passwords and lists do not stay in a closed dialog.
  dialog.addEventListener("close", () => parts.forEach(({ hide }) => hide()));
  return () => {
    dialog.showModal();
    for (const { section, show } of parts) {
      section.say();
      show();
    }
    dialog.querySelector(".sheet-body").scrollTop = 0;
  };
}

function profileSection() {
  const name = field("Your name", { "data-testid": "settings-name", autocomplete: "name", maxlength: "64" }, "As others see it.");
  const username = el("p", { class: "quiet" });
  const save = async () => {
    const text = name.input.value.trim();
    if (!text) return section.refuse({ message: MISSING.name });
    await section.attempt(() => client.account.update({ name: text }), "Your name is saved.");
  };
  const section = new Section("profile", "Profile", form(save, name.node, username,
    el("button", { type: "submit", class: "secondary", "data-testid": "settings-name-save" }, "Save")));
  const show = () => {
    name.input.value = client.user.name;
    username.textContent = `Your username is @${client.user.username}. It stays as it is.`;
  };
  return { section, show, hide: () => {} };
}

function passwordSection(changed) {
  const current = field("Current password", { "data-testid": "settings-password", type: "password", autocomplete: "current-password" });
  const next = field("New password", { "data-testid": "settings-new-password", type: "password", autocomplete: "new-password" },
    "At least 8 characters of any kind, and not a common password. You are logged out everywhere else.");
  const hide = () => { current.input.value = next.input.value = ""; };
  const save = async () => {
    const missing = ["current", "next"].find((part) => !{ current, next }[part].input.value);
    if (missing) {
      section.refuse({ message: MISSING[missing] });
      return { current, next }[missing].input.focus();
    }
    const change = { current_password: current.input.value, password: next.input.value };
    if (!(await section.attempt(() => client.account.update(change), "Your password is changed."))) return;
    hide();
    changed();
  };
  const section = new Section("password", "Password", form(save, usernameField(), current.node, next.node,
    el("button", { type: "submit", class: "secondary", "data-testid": "settings-password-save" }, "Change password")));
  return { section, show: () => {}, hide };
}

// For password managers, which ask whose password it is.
const usernameField = () => el("input", { type: "text", autocomplete: "username", value: client.user.username, hidden: true, readonly: true });

function deletionSection() {
  const password = field("Your password", { "data-testid": "delete-password", type: "password", autocomplete: "current-password" });
  const remove = el("button", { type: "submit", class: "danger", "data-testid": "delete-account" }, "Delete my account");
  const hide = () => { password.input.value = ""; };
  const deletion = async () => {
    if (!password.input.value) {
      section.refuse({ message: MISSING.password });
      return password.input.focus();
    }
    // The server closes the connection, perhaps before its answer is here.
    view.farewell = "Your account is deleted.";
    if (!(await section.attempt(() => client.account.delete(password.input.value)))) view.farewell = null;
  };
  const section = new Section("deletion", "Delete your account",
    el("p", {}, "The account is deleted for ever, and nobody gets your username again. Your messages stay, from a “Deleted user”. ",
      "Groups that you own go to another member."),
    form(() => {}, usernameField(), password.node, remove));
  twice(remove, "Delete it for ever?", deletion, () => password.input.value !== "");
  return { section, show: () => {}, hide };
}
