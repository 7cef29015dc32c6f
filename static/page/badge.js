// The badge of the browser's tab: how many conversations are unread stands in the title, and the icon has a dot.

import { client, on } from "./page-client.js";

const icons = [new URL("../icon.svg", import.meta.url), new URL("../icon-unread.svg", import.meta.url)];

export function startBadge() {
  on("conversations", render);
}

function render() {
  const unread = client.conversations.sorted().filter((conversation) => conversation.unread_count > 0).length;
  const title = unread ? `(${unread}) Chinwag` : "Chinwag";
  if (document.title === title) return;
  document.title = title;
  for (const link of document.querySelectorAll("link[rel=icon]")) link.href = icons[Number(unread > 0)].pathname;
}
