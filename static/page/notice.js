// A short notice over the page, which goes by itself.

import { $ } from "./dom.js";

const SHOWN_MS = 6_000;
let timer = 0;

export function notify(...words) {
  clearTimeout(timer);
  $("notice").replaceChildren(...words);
  $("notice").hidden = false;
  timer = setTimeout(() => { $("notice").hidden = true; }, SHOWN_MS);
}
