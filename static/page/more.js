// The line below a list that is loaded page by page: what is under way, what failed, and the button for the next page.

import { el } from "./dom.js";
import { tell, tellProblem } from "./problems.js";

/** Returns {node, render} for a PagedList. The node has this tag. */
export function moreButton(list, words, tag = "div") {
  const line = el("p", { class: "quiet", role: "status", hidden: true });
  const button = el("button", { type: "button", class: "link", "data-testid": "more", click: () => list.more() }, words);
  const node = el(tag, { class: "more" }, line, button);
  const render = () => {
    if (list.problem) tellProblem(line, list.problem);
    else tell(line, ...(list.isLoading ? ["Loading…"] : []));
    button.hidden = !list.hasMore || (list.isLoading && list.items.length === 0);
    button.textContent = list.problem ? "Try again" : words;
  };
  render();
  return { node, render };
}
