// The browser makes a click of a press only if its two halves meet the same element. So what would redraw the page waits for the end of a press, and
// news that come between its halves neither replace the button nor move it away.

const PRESSABLE = "a, button, label, summary, [role=menuitem], [role=option], [type=checkbox], [type=radio]";
const CLICK_MS = 100; // the click of a finger is an event of its own, some milliseconds after the finger has gone
const PRESS_MOST_MS = 10_000; // the end of a press may never be told: a menu of the system swallows it

const waiting = new Set();
let isUnderWay = false;
let timer = 0;

for (const type of ["pointerdown", "keydown"]) addEventListener(type, begin, true);
for (const type of ["pointerup", "keyup"]) addEventListener(type, () => isUnderWay && endIn(CLICK_MS), true);
for (const type of ["click", "pointercancel", "contextmenu", "dragstart"]) addEventListener(type, end, true);
addEventListener("blur", end); // the window's own; those of elements do not bubble

/** Runs the work now, or once when the press is over that is under way. */
export function afterPress(work) {
  if (isUnderWay) waiting.add(work);
  else work();
}

function begin(event) {
  const isPress = event.type === "keydown" ? event.key === " " && !event.repeat : event.isPrimary && event.button === 0;
  if (!isPress || !event.target.closest?.(PRESSABLE)) return;
  isUnderWay = true;
  endIn(PRESS_MOST_MS);
}

function endIn(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(end, milliseconds);
}

function end() {
  if (!isUnderWay) return;
  isUnderWay = false;
  clearTimeout(timer);
  setTimeout(runWaiting); // the listeners of the click come first
}

function runWaiting() {
  if (isUnderWay) return; // the next press has begun
  for (const work of waiting) queueMicrotask(work); // so that the fault of one stops no other
  waiting.clear();
}
