// The text of a message as nodes. Text of users becomes text nodes only.

import { copyText } from "./clipboard.js";
import { el, icon } from "./dom.js";
import { parse } from "./markup.js";
import { client } from "./page-client.js";

const TAGS = { strong: "strong", em: "em", del: "s" };
const EVERYBODY = { username: "all", name: "Everybody here" };
const COPY = "Copy the code";
const COPIED_MS = 2_000; // how long the button says that it has copied

/** Returns the nodes of a message's content. */
export function formatted(content, message) {
  const users = content.includes("@") ? mentionable(message) : new Map();
  const blocks = parse(content, new Set(users.keys()));
  const inline = (nodes) => nodes.map((node) => inlineNode(node, inline, users));
  // Plain text stands in the bubble as it was written.
  if (blocks.length === 1 && blocks[0].type === "text") return inline(blocks[0].nodes);
  return blocks.map((block) => blockNode(block, inline));
}

/** Returns a value that changes when a text can name more users than before: they may become known after it is shown. */
export function mentionsKnown({ content, seq, conversation_id: conversationId, mentions }) {
  if (!content.includes("@")) return 0;
  if (seq) return (mentions ?? []).filter((id) => client.people.users.has(id)).length;
  return client.people.members.get(conversationId)?.length ?? 0;
}

/** Returns the users whom the text can name, by username. The server says whom a message mentions; one that is not sent yet can name all members. */
function mentionable({ seq, conversation_id: conversationId, mentions, mentions_all: all }) {
  const { conversations, people } = client;
  const peer = conversations.get(conversationId)?.peer;
  const named = seq ? mentions ?? [] : mentions;
  const users = named?.map((id) => people.find(id)) ?? people.members.get(conversationId)?.map(({ user }) => user) ?? [peer, peer && client.user];
  if (all) users.push(EVERYBODY);
  return new Map(users.filter((user) => user?.username).map((user) => [user.username.toLowerCase(), user]));
}

function inlineNode(node, inline, users) {
  if (typeof node === "string") return node;
  const { type, text, href } = node;
  if (type === "code") return el("code", {}, text);
  if (type === "link") return el("a", { href, target: "_blank", rel: "noopener noreferrer", dir: "ltr" }, text);
  if (type === "mention") {
    const user = users.get(node.username);
    const isMe = user === EVERYBODY || user.id === client.user.id;
    return el("bdi", { class: isMe ? "mention me" : "mention", "data-testid": "mention", title: user.name }, text);
  }
  return el(TAGS[type], {}, ...inline(node.nodes));
}

function blockNode({ type, text, nodes, blocks, items }, inline) {
  if (type === "text") return el("div", { class: "text" }, ...inline(nodes));
  if (type === "code") return codeBlock(text);
  const inside = (some) => some.map((block) => blockNode(block, inline));
  if (type === "quote") return el("blockquote", {}, ...inside(blocks));
  const isNumbered = items[0].number !== null;
  return el(isNumbered ? "ol" : "ul", { class: "bullets" },
    ...items.map(({ number, blocks: some }) => el("li", { value: isNumbered && String(number) }, ...inside(some))));
}

function codeBlock(text) {
  return el("div", { class: "code-block" },
    el("pre", { tabindex: "0", "aria-label": "Code" }, el("code", {}, text)),
    el("button", { type: "button", class: "copy-code", "data-testid": "copy-code", "aria-label": COPY, title: COPY }, icon("copy")));
}

// One listener for all: a row that changes may keep the button of the code that it had.
document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.(".copy-code");
  if (!button) return;
  const say = (name, words) => {
    button.replaceChildren(icon(name));
    for (const attribute of ["aria-label", "title"]) button.setAttribute(attribute, words);
  };
  const isCopied = await copyText(button.parentNode.querySelector("pre").textContent);
  say(isCopied ? "check" : "close", isCopied ? "Copied" : "The browser does not let the page copy");
  setTimeout(() => say("copy", COPY), COPIED_MS);
});
