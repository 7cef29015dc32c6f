// Only the row with the focus offers its quote and its reactions to Tab: a reader would press it hundreds of times to get through the messages.

const OFFERED = ".reaction, .quote";

export function startRowFocus(list) {
  list.addEventListener("focusin", ({ target }) => offer(target.closest(".message"), "0"));
  list.addEventListener("focusout", ({ target }) => offer(target.closest(".message"), "-1"));
}

/** Returns the `tabindex` of a new button in a row. */
export const tabindexIn = (row) => (row.contains(document.activeElement) ? "0" : "-1");

function offer(row, tabindex) {
  for (const node of row?.querySelectorAll(OFFERED) ?? []) node.setAttribute("tabindex", tabindex);
}
