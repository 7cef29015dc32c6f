// The functions that the tests' expressions use in a page.

const one = (id, more = "") => document.querySelector(`[data-testid="${id}"]${more}`);
const all = (id, more = "") => [...document.querySelectorAll(`[data-testid="${id}"]${more}`)];
const seen = (node) => Boolean(node?.checkVisibility());
// A module of the page itself: its path names the release, and under another path it would be another module.
const load = (name) => import(document.querySelector("script[type=module]").src.replace("page/start.js", name));

let aim = null; // {node, end} of the press that is meant for an element
// Returns the middle of an element if it does not move, nothing covers it, and it does not take a press for half of a double click.
const aimAt = (node) => {
  node.scrollIntoView({ block: "nearest" });
  const box = node.getBoundingClientRect();
  const place = [box.x + box.width / 2, box.y + box.height / 2];
  const isStill = node.place === place.join();
  node.place = place.join();
  if (!isStill || node.disabled || "pause" in node.dataset || !node.contains(document.elementFromPoint(...place))) return null;
  aim = { node, end: "missed" };
  return place;
};
// Returns how the press has ended: `missed` if the element moved away before it, `lost` if it began on the element and became no click.
const endOfPress = () => {
  const end = aim?.end ?? "clicked"; // by which the page was left
  aim = null;
  return end;
};
// The page does not see a press that misses: what it hits is not meant.
for (const type of ["pointerdown", "mousedown", "pointerup", "mouseup", "click"]) addEventListener(type, (event) => {
  if (!aim) return;
  const isHit = aim.node.contains(event.target);
  if (type === "pointerdown" && isHit) aim.end = "lost";
  else if (aim.end === "missed") {
    event.stopImmediatePropagation();
    event.preventDefault();
  } else if (type === "click" && isHit) aim.end = "clicked";
}, true);
