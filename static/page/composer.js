// The composer: where a message is written, or edited (editing.js). Its text is kept as a draft while it is written.

import { $, icon } from "./dom.js";
import { editLast, endEditing, isEditing, keepEdit, resumeEdit, saveEdit, startEditing, stopEdit } from "./editing.js";
import { pickEmoji } from "./emoji-picker.js";
import { MentionList } from "./mention-list.js";
import { client, view } from "./page-client.js";
import { dropReply, replyTo } from "./quote.js";

const MOST_BYTES = 16 * 1024; // the protocol's limit of a message's text
const IME = 229; // the key code of a key that belongs to an input method; Safari ends a composition with it, and says nothing else
const FILES = "Files cannot be sent yet. That comes with a later version.";
const touch = matchMedia("(pointer: coarse)");

let shownId = null;
let mentions = null;
let toNewest = () => {};
const text = $("composer-text");

/** `sent` runs when a message has been handed to the client. */
export function startComposer(sent) {
  toNewest = sent;
  $("send").append(icon("send"));
  $("emoji").append(icon("smile"));
  mentions = new MentionList(text, $("mentions"), () => shownId);
  startEditing(showText);
  text.addEventListener("input", typed);
  text.addEventListener("keydown", pressed);
  $("emoji").addEventListener("click", addEmoji);
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  addEventListener("resize", measure); // a rotated phone has lines of another length
  touch.addEventListener("change", fitKeyboard);
  fitKeyboard();
  refuseFiles();
}

/** Shows the draft of a conversation, or the edit that is under way in it. */
export function showDraft(conversationId) {
  endEditing();
  mentions.close();
  shownId = conversationId;
  if (!resumeEdit(conversationId)) showText(client.drafts.get(conversationId));
  // On a phone the keyboard would cover the messages.
  if (matchMedia("(hover: hover)").matches) text.focus();
}

function showText(words) {
  text.value = words;
  measure();
}

// On a touch screen Enter makes a line, as in other apps, and the button sends.
function fitKeyboard() {
  text.enterKeyHint = touch.matches ? "enter" : "send";
}

function typed() {
  measure();
  mentions.update();
  if (isEditing()) return keepEdit(text.value);
  client.drafts.set(shownId, text.value);
  if (text.value.trim()) client.typing.note(shownId);
  else client.typing.done(shownId);
}

function pressed(event) {
  const { key } = event;
  if (event.isComposing || event.keyCode === IME || mentions.takes(event)) return;
  if (key === "Escape" && isEditing()) stopEdit();
  else if (key === "ArrowUp" && !text.value && !isEditing() && editLast()) event.preventDefault();
  if (key !== "Enter" || event.shiftKey || event.altKey) return;
  if (touch.matches && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  submit();
}

function submit() {
  const content = text.value.replaceAll("\0", "").trim();
  // The URL may name another conversation already, whose draft is about to be shown.
  if (!content || !measure() || !shownId || view.openId !== shownId) return;
  mentions.close();
  if (isEditing()) return void saveEdit(content);
  if (!client.send(view.openId, content, { replyTo: replyTo() })) {
    say("Too many messages wait to be sent. Try again when the connection is back.");
    return;
  }
  client.drafts.set(view.openId, "");
  dropReply();
  client.typing.done(view.openId);
  showText("");
  toNewest();
  text.focus();
}

async function addEmoji() {
  const conversationId = shownId;
  const glyph = await pickEmoji($("emoji"));
  if (glyph === null || conversationId !== shownId) return;
  text.focus();
  insert(glyph);
}

// With this old command, and with no other, the browser can undo it.
function insert(words) {
  if (!document.execCommand("insertText", false, words)) text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
}

/** Says why a file is not sent. Without this, a browser that gets a file leaves the page and shows it. */
function refuseFiles() {
  text.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    say(FILES);
  });
  for (const type of ["dragover", "drop"]) {
    addEventListener(type, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
      if (type === "drop") say(FILES);
    });
  }
}

/** Fits the box to the text, and checks the text against the server's limit. */
function measure() {
  // Between the two heights the messages have more room than they keep, which would move them.
  const reading = $("scroller").scrollTop;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
  $("scroller").scrollTop = reading;
  const bytes = new TextEncoder().encode(text.value.trim()).length;
  const tooLong = bytes > MOST_BYTES;
  const share = Math.ceil((bytes / MOST_BYTES) * 100);
  say(tooLong
    ? `Too long by ${(bytes - MOST_BYTES).toLocaleString("en")} bytes: a message holds 16 KiB. Send it in parts.`
    : share > 80 ? `${share}% of what one message can hold` : "");
  $("composer-note").classList.toggle("over", tooLong);
  text.setAttribute("aria-invalid", String(tooLong));
  $("send").disabled = tooLong || bytes === 0;
  return !tooLong;
}

function say(words) {
  $("composer-note").textContent = words;
}
