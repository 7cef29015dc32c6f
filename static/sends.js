// Messages in flight. Each has an id that this page chose, and the server stores one message for an id. So a retry is
// always safe, and a send ends in an acknowledgement, an error, or a time-out with a way to retry.

import * as api from "./api.js";
import { changed } from "./store.js";

const ACK_MS = 15_000;
const MOST_UNSENT = 100;

let socket = null;
let unsent = []; // {id, conversation_id, content, timestamp, state: "pending" | "failed", reason}
let oneByOne = false; // after a rate limit: each send waits for the one before it, until none waits
let pause = 0; // the timer of the server's retry hint
const timers = new Map();
const key = () => `chinwag.unsent.${api.me().id}`;

export function startSends(liveSocket) {
  socket = liveSocket;
  // A reload must not lose unacknowledged messages. Those that did arrive are recognised by their ids.
  unsent = JSON.parse(sessionStorage.getItem(key()) ?? "[]");
}

export const unsentIn = (conversationId) => unsent.filter((send) => send.conversation_id === conversationId);
export const countUnsent = () => unsent.length;
export const isSlowed = () => oneByOne;

/** Returns false when so many messages wait that more would be lost with the tab. */
export function send(conversationId, content) {
  if (unsent.length >= MOST_UNSENT) return false;
  const message = {
    id: uuid7(),
    conversation_id: conversationId,
    content,
    timestamp: new Date().toISOString(),
    state: "pending",
  };
  unsent.push(message);
  transmit(message);
  keep();
  return true;
}

/** Call when the socket is live again: sends all unacknowledged messages once more, in order. */
export function resend() {
  for (const message of unsent) if (message.state === "pending") transmit(message);
}

/** Call when the socket is closed: time-outs run only while the server can answer. */
export function suspend() {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  clearTimeout(pause);
  pause = 0;
}

export function retry(id) {
  const message = find(id);
  if (!message) return;
  if (message.code === "id_taken") message.id = uuid7();
  Object.assign(message, { state: "pending", reason: undefined, code: undefined });
  transmit(message);
  keep();
}

export function discard(id) {
  stopTimer(id);
  unsent = unsent.filter((message) => message.id !== id);
  keep();
  goOn();
}

export function discardConversation(conversationId) {
  for (const message of unsentIn(conversationId)) discard(message.id);
}

/** Handles a message of this user that is stored: the acknowledgement, whichever way it arrived. */
export function settle({ id, sender_id }) {
  if (sender_id === api.me().id && find(id)) discard(id);
}

/** Handles an error frame. Returns true if it was about a send. */
export function fail(frame) {
  const message = find(frame.ref);
  if (!message) return false;
  // A draining server is about to close; the next connection sends this again.
  if (frame.code === "rate_limited") hold(message, frame.retry_after_ms ?? 1_000);
  else if (frame.code !== "draining") giveUp(message, frame.detail || frame.title || "The server refused it.", frame.code);
  return true;
}

/**
 * The connection was closed because a frame was too big for the server or for a proxy. That is the longest one in
 * flight; sent again, it would end the next connection too.
 */
export function failLongest() {
  const inFlight = unsent.filter(({ id }) => timers.has(id));
  const longest = inFlight.sort((a, b) => bytes(b) - bytes(a))[0];
  if (longest) giveUp(longest, "It is too long for the server.");
}

const bytes = ({ content }) => JSON.stringify(content).length;

export function forgetUnsent() {
  suspend();
  unsent = [];
  keep();
}

const firstPending = () => unsent.find((message) => message.state === "pending");

// Later messages wait too, so that the order stays.
function hold({ id }, milliseconds) {
  stopTimer(id);
  oneByOne = true;
  clearTimeout(pause);
  pause = setTimeout(() => { pause = 0; goOn(); }, milliseconds);
  keep();
}

function goOn() {
  if (!oneByOne || pause) return;
  const next = firstPending();
  if (!next) oneByOne = false;
  else if (!timers.has(next.id)) transmit(next);
}

function transmit(message) {
  if (oneByOne && (pause || message !== firstPending())) return;
  const { id, conversation_id, content } = message;
  if (!socket.send({ type: "message.send", ref: id, conversation_id, id, content })) return;
  stopTimer(id);
  timers.set(id, setTimeout(() => giveUp(message, "The server did not answer in time."), ACK_MS));
}

function giveUp(message, reason, code) {
  stopTimer(message.id);
  Object.assign(message, { state: "failed", reason, code });
  keep();
  goOn();
}

function stopTimer(id) {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

const find = (id) => unsent.find((message) => message.id === id);

function keep() {
  try {
    if (unsent.length) sessionStorage.setItem(key(), JSON.stringify(unsent));
    else sessionStorage.removeItem(key());
  } catch {
    // With full storage, only the safety of a reload is lost.
  }
  changed("timeline", "conversations");
}

/** UUID version 7: ids that sort by time suit the server's index. (crypto.randomUUID needs HTTPS; this does not.) */
function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const now = Date.now();
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 256 ** (5 - i));
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
