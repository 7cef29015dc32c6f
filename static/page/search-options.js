// The options of a search. An option stays the same element while it is found, so that what is selected stays in view.

import { foundParts } from "../client/index.js";
import { avatar, el, fill, fullTime, icon, shortTime } from "./dom.js";
import { nameOf, statusOf, titleOf } from "./names.js";
import { client } from "./page-client.js";

/** Returns {key, node, choose}. `known` has the nodes by key. */
function option(known, key, testid, shown, choose, draw, isServers) {
  const entry = known.get(key) ?? {
    node: el("div", {
      id: `found-${key}`, class: "found-option", role: "option", "data-testid": testid, "aria-selected": "false",
      click: () => entry.choose(), pointerdown: keepFocus,
    }),
  };
  known.set(key, entry);
  entry.choose = choose;
  const signature = JSON.stringify(shown);
  if (entry.signature !== signature) fill(entry.node, ...draw());
  entry.signature = signature;
  return { key, node: entry.node, choose, isServers };
}

// The focus stays in the box.
const keepFocus = (event) => event.preventDefault();

export function conversationOption(known, conversation, go) {
  const title = titleOf(conversation);
  const peerId = conversation.type === "direct" ? conversation.peer?.id : null;
  const status = peerId && statusOf(peerId);
  return option(known, `conversation-${conversation.id}`, "search-conversation", [title, status], () => go(conversation.id), () => [
    avatar(conversation.peer?.id ?? conversation.id, title, status, conversation.type === "group"),
    el("bdi", { class: "found-name" }, title),
    status && status !== "offline" && el("span", { class: "sr-only" }, `, ${status}`),
  ], false);
}

export function personOption(known, user, talkTo) {
  const status = statusOf(user.id);
  return option(known, `person-${user.id}`, "search-person", [user.name, user.username, status], () => talkTo(user), () => [
    avatar(user.id, user.name, status),
    el("bdi", { class: "found-name" }, user.name), " ", el("span", { class: "quiet" }, `@${user.username}`),
    status !== "offline" && el("span", { class: "sr-only" }, `, ${status}`),
  ], true);
}

export function messageOption(known, { message, excerpt, ranges }, go) {
  const conversation = client.conversations.get(message.conversation_id);
  const place = conversation ? titleOf(conversation) : "…";
  const sender = message.sender_id === client.user.id ? "You" : nameOf(message.sender_id);
  const time = new Date(message.timestamp);
  const choose = () => go(message.conversation_id, message.seq);
  return option(known, `message-${message.id}`, "search-message", [place, sender, excerpt, ranges, shortTime(time)], choose, () => [
    el("span", { class: "found-head" },
      el("bdi", { class: "found-name" }, sender), el("span", { class: "quiet" }, " in "), el("bdi", { class: "found-place" }, place), " ",
      el("time", { class: "quiet", datetime: time.toISOString(), title: fullTime(time) }, shortTime(time))),
    el("span", { class: "found-excerpt", dir: "auto" }, ...foundParts(excerpt, ranges).map(({ text, isFound }) => (isFound ? el("mark", {}, text) : text))),
  ], true);
}

export const moreOption = (known, noun, words, act) => option(known, `more-${noun}`, "search-more", [words], act, () => [icon("down"), el("span", {}, words)], true);
