// The login form, and the registration form for new users.

import { $ } from "./dom.js";
import { fieldWords, tell, tellProblem } from "./problems.js";

/** The key under which the page leaves a message for the form, before it loads itself anew. */
export const FAREWELL = "chinwag.farewell";

const FIELDS = ["username", "name", "password", "invite"];
const WORDS = {
  login: {
    title: "Welcome back", intro: "Log in to pick up the thread.", submit: "Log in", busy: "Logging in…",
    question: "New here?", other: "Create an account",
  },
  register: {
    title: "Join Chinwag", intro: "An account takes ten seconds.", submit: "Create account", busy: "Creating…",
    question: "Been here before?", other: "Log in",
  },
};
const MISSING = { username: "A username is needed.", name: "Tell us your name.", password: "A password is needed." };
let mode = "login";
let chat = null; // resolves to the chat's module, which loads behind the form
let needsInvite = false; // known once the server has asked for an invitation

/** Resolves when a user is logged in. */
export function showAuth(farewell, loading) {
  chat = loading;
  $("auth").hidden = false;
  show("login");
  if (farewell) tell($("auth-error"), farewell);
  $("auth-switch").addEventListener("click", () => {
    show(mode === "login" ? "register" : "login");
    $("auth-username").focus();
  });
  for (const field of FIELDS) $(`auth-${field}`).addEventListener("input", () => showFieldError(field, ""));
  $("auth-username").focus();
  return new Promise((entered) => {
    $("auth-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!(await submit())) return;
      $("auth").hidden = true;
      entered();
    });
  });
}

function show(newMode) {
  mode = newMode;
  const words = WORDS[mode];
  $("auth-title").textContent = words.title;
  $("auth-intro").textContent = words.intro;
  $("auth-submit").textContent = words.submit;
  $("auth-question").textContent = words.question;
  $("auth-switch").textContent = words.other;
  $("auth-form").dataset.mode = mode;
  $("auth-name-field").hidden = mode === "login";
  $("auth-invite-field").hidden = mode === "login" || !needsInvite;
  for (const field of ["username", "password"]) $(`auth-${field}-hint`).hidden = mode === "login";
  // Password managers fill the login form and offer to generate a password for the registration.
  $("auth-password").autocomplete = mode === "login" ? "current-password" : "new-password";
  clearErrors();
}

async function submit() {
  clearErrors();
  const [username, name, password, invite] = FIELDS.map((field) => $(`auth-${field}`).value);
  const given = { username: username.trim(), name: name.trim(), password, invite: invite.trim() || undefined };
  const needed = mode === "login" ? ["username", "password"] : ["username", "name", "password"];
  const missing = needed.filter((field) => !given[field]);
  for (const field of missing) showFieldError(field, MISSING[field]);
  if (missing.length) {
    $(`auth-${missing[0]}`).focus();
    return false;
  }
  busy(true);
  const { client } = await chat;
  try {
    if (mode === "register") {
      await client.register(given);
      show("login"); // if only the login fails, the account exists all the same
      busy(true);
    }
    await client.login(given.username, given.password, { isKept: $("auth-keep").checked });
    return true;
  } catch (problem) {
    showProblem(problem);
    return false;
  } finally {
    busy(false);
  }
}

function showProblem(problem) {
  const known = problem.errors.filter(({ field }) => FIELDS.includes(field));
  needsInvite ||= known.some(({ field }) => field === "invite");
  $("auth-invite-field").hidden = mode === "login" || !needsInvite;
  for (const error of known) showFieldError(error.field, fieldWords(error));
  if (known.length) $(`auth-${known[0].field}`).focus();
  else tellProblem($("auth-error"), problem);
}

function showFieldError(field, words) {
  const line = $(`auth-${field}-error`);
  line.textContent = words;
  line.hidden = !words;
  $(`auth-${field}`).setAttribute("aria-invalid", String(Boolean(words)));
}

function clearErrors() {
  for (const field of FIELDS) showFieldError(field, "");
  tell($("auth-error"));
}

function busy(is) {
  $("auth-submit").disabled = is;
  $("auth-submit").textContent = WORDS[mode][is ? "busy" : "submit"];
}
