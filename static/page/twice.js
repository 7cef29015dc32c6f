// A button that asks before it acts.

import { afterPress } from "./press.js";

const DOUBLE_CLICK_MS = 500;
const ASKED_MS = 4_000;

/**
 * A button for what cannot be undone: it acts on the second press, or on the first if `needed` returns false. The second half of a double click is no
 * press, and nor is a key that is held. The question stays as long as the user is at the button. Returns a function that takes the question back.
 */
export function twice(button, question, work, needed = () => true) {
  let asked = null; // {at, label, name, pause, end} while the question stands
  const calm = () => {
    if (!asked) return;
    clearTimeout(asked.pause);
    clearTimeout(asked.end);
    delete button.dataset.pause;
    button.textContent = asked.label;
    if (asked.name) button.setAttribute("aria-label", asked.name);
    asked = null;
  };
  // Nobody has to read and press in a given time; a question that nobody is at any more would surprise the next press.
  const endUnlessAttended = () => {
    if (button === document.activeElement || button.matches(":hover")) asked.end = setTimeout(endUnlessAttended, ASKED_MS);
    else afterPress(calm);
  };
  const ask = (at) => {
    const pause = setTimeout(() => delete button.dataset.pause, DOUBLE_CLICK_MS);
    asked = { at, label: button.textContent, name: button.getAttribute("aria-label"), pause, end: setTimeout(endUnlessAttended, ASKED_MS) };
    button.dataset.pause = "";
    button.textContent = question;
    if (asked.name) button.setAttribute("aria-label", `${question} ${asked.name}`);
  };
  button.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
  // By the times of the presses, and not by a timer: a page that is busy takes the second half of a double click late.
  const isSecondHalf = ({ detail, timeStamp }) => detail === 2 || timeStamp - asked.at < DOUBLE_CLICK_MS;
  button.addEventListener("click", (event) => {
    if (asked && isSecondHalf(event)) return;
    if (!asked && needed()) return ask(event.timeStamp);
    calm();
    work();
  });
  return calm;
}
