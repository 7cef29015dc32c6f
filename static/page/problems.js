// The words for what the server refuses, and for the time to wait before the next attempt.

import { counted, el } from "./dom.js";

const SECOND_MS = 1_000;
const LONG = 90; // of a unit; beyond, the next one is used
const SUBJECTS = { username: "A username", name: "A name", password: "A password", invite: "The invitation", q: "The search" };
const PREDICATE = /^(is|must|takes|has)\b/; // of the server's details, which begin after the field

const counters = new WeakMap(); // line → the timer of its countdown

/** Returns the refusal of one field as a sentence. */
export function fieldWords({ field, detail }) {
  const subject = detail.endsWith("your current password") ? "This" : SUBJECTS[field] ?? "The value";
  const text = PREDICATE.test(detail) ? `${subject} ${detail}` : detail[0].toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export const problemWords = (problem) => problem.errors?.map(fieldWords).join(" ") || problem.message;

function waitWords(milliseconds) {
  const seconds = Math.max(1, Math.ceil(milliseconds / SECOND_MS));
  if (seconds <= LONG) return `Try again in ${counted(seconds, "second")}.`;
  const minutes = Math.ceil(seconds / 60);
  return minutes <= LONG ? `Try again in ${counted(minutes, "minute")}.` : `Try again in ${counted(Math.ceil(minutes / 60), "hour")}.`;
}

/** Shows these words in a line, or hides it if there are none. */
export function tell(line, ...words) {
  clearTimeout(counters.get(line));
  line.replaceChildren(...words);
  line.hidden = words.length === 0;
}

/** Shows a problem in a line, behind the words `before`. A wait that the server names counts down. */
export function tellProblem(line, problem, ...before) {
  if (!problem.retryAfterMs) return tell(line, ...before, problemWords(problem));
  const reason = problem.message.replace(/ (Try again|Wait before you try again)\.$/, "").replace(/^Too many requests\.$/, "Too many attempts.");
  const end = Date.now() + problem.retryAfterMs;
  // The count is for sighted users alone: a screen reader should not read each second.
  const count = el("span", { "aria-hidden": "true" });
  tell(line, ...before, `${reason} `, count, el("span", { class: "sr-only" }, waitWords(problem.retryAfterMs)));
  const show = () => {
    const left = end - Date.now();
    count.textContent = left > 0 ? waitWords(left) : "You can try again now.";
    if (left > 0) counters.set(line, setTimeout(show, SECOND_MS));
  };
  show();
}
