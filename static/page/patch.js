// Patches elements in place. An element has named parts, and a part is drawn again only when its value has changed. So a change of one part
// replaces none of its neighbours: a selection in them, the focus, and the place of a screen reader stay.

/**
 * @typedef {object} Part
 * @property {string} name
 * @property {(item: any) => unknown} value what the part shows, as a primitive or an array of primitives. A part with null, undefined, false
 *     or "" is absent.
 * @property {(item: any, old: Element | null) => Element} draw returns the part's element: a new one, or `old` as it is now
 */

/** An element whose children are parts, in the order of a table. */
export class Parted {
  #parts;
  #drawn = new Map(); // name of a part → {value, node}

  constructor(node, parts) {
    this.node = node;
    this.#parts = parts;
  }

  /** Draws the parts again whose values have changed. */
  patch(item) {
    for (const [index, part] of this.#parts.entries()) {
      const value = part.value(item);
      const drawn = this.#drawn.get(part.name);
      if (drawn ? isSame(drawn.value, value) : isAbsent(value)) continue;
      const old = drawn?.node ?? null;
      const node = isAbsent(value) ? null : part.draw(item, old);
      this.#drawn.set(part.name, { value, node });
      if (node === old) continue;
      if (old && node) old.replaceWith(node);
      else if (old) old.remove();
      else this.node.insertBefore(node, this.#nextOf(index));
    }
  }

  #nextOf(index) {
    for (const { name } of this.#parts.slice(index + 1)) {
      const node = this.#drawn.get(name)?.node;
      if (node) return node;
    }
    return null;
  }
}

const isAbsent = (value) => value == null || value === false || value === "";

function isSame(a, b) {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** Sets an attribute if it has another value; null, undefined and false remove it. */
export function attribute(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/**
 * Makes `old` look like `next`, and returns the element to show. What both have stays, text nodes too, so that a selection of it stays. A
 * button that differs is replaced, because its listeners differ with it.
 */
export function morph(old, next) {
  if (!old) return next;
  if (old.isEqualNode(next)) return old;
  if (old.nodeType === Node.TEXT_NODE && next.nodeType === Node.TEXT_NODE) {
    retype(old, next.data);
  } else if (old.nodeName !== next.nodeName || old.nodeName === "BUTTON") {
    old.replaceWith(next);
    return next;
  } else {
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) attribute(old, name, value);
    const [before, after] = [[...old.childNodes], [...next.childNodes]];
    for (const [index, child] of after.entries()) {
      if (before[index]) morph(before[index], child);
      else old.append(child);
    }
    for (const child of before.slice(after.length)) child.remove();
  }
  return old;
}

/** Replaces the part of a text that differs, because a selection survives outside of what is replaced. */
function retype(node, text) {
  const { data } = node;
  const most = Math.min(data.length, text.length);
  let start = 0;
  while (start < most && data[start] === text[start]) start += 1;
  let end = 0;
  while (end < most - start && data[data.length - 1 - end] === text[text.length - 1 - end]) end += 1;
  node.replaceData(start, data.length - start - end, text.slice(start, text.length - end));
}
