// Keeps the store in step with the server: REST responses, events of the socket, and the detection and filling of
// gaps. Everything is applied by id and seq, so a duplicate does no harm.

import * as api from "./api.js";
import * as sends from "./sends.js";
import * as store from "./store.js";
import { changed, conversations, timelines, Timeline, view } from "./store.js";

const PAGE = 50;
const RESUME_AT_ONCE = 500; // conversations in one frame, the protocol's limit
let socket = null;
let membershipVersion;
let reads = "unknown"; // whether the server knows receipts: "unknown", "asked", "understood", "refused"
const untold = new Map(); // conversation id → the read receipt that is not sent yet

export function startSync(liveSocket) {
  socket = liveSocket;
}

/** The socket has received hello: it gets all events from here on, so earlier ones are fetched now. */
export function goLive(hello) {
  membershipVersion = hello.membership_version;
  reads = "unknown";
  store.learnPerson(hello.user);
  sends.resend();
  resume([...timelines].filter(([, timeline]) => timeline.loaded).map(([id]) => id));
  for (const [id, timeline] of timelines) if (!timeline.loaded) loadNewest(id);
  loadConversations();
}

// Conversations

export async function loadConversations() {
  const before = new Set(conversations.keys());
  const limit = Math.min(200, Math.max(PAGE, before.size));
  try {
    const page = await api.get(`/v1/conversations?limit=${limit}`);
    const oldest = page.next && page.items.length ? store.activity(page.items.at(-1)) : -Infinity;
    for (const item of page.items) {
      store.learnConversation(item);
      before.delete(item.id);
    }
    // Known, recent enough for the response, and not in it: the user is no longer a member.
    for (const id of before) {
      const known = conversations.get(id);
      if (!known || store.activity(known) <= oldest) continue;
      if (id === view.openId) fetchConversation(id);
      else store.forgetConversation(id);
    }
    Object.assign(view, { next: page.next, loaded: true, failed: "" });
  } catch (problem) {
    view.failed = problem.message;
  }
  changed("conversations");
}

export async function loadMoreConversations() {
  const cursor = view.next;
  if (!cursor) return;
  view.next = null;
  try {
    const page = await api.get(`/v1/conversations?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
    for (const item of page.items) store.learnConversation(item);
    view.next = page.next;
  } catch {
    view.next = cursor;
  }
  changed("conversations");
}

const fetching = new Map();
export const isFetching = (id) => fetching.has(id);

export function fetchConversation(id) {
  if (!fetching.has(id)) {
    const work = api.get(`/v1/conversations/${id}`).then(
      (conversation) => store.learnConversation(conversation),
      (problem) => problem.status === 404 && loseConversation(id),
    );
    fetching.set(id, work.finally(() => fetching.delete(id)));
  }
  return fetching.get(id);
}

export function loseConversation(id) {
  sends.discardConversation(id);
  store.forgetConversation(id);
}

/** The user has seen the newest message. */
export function markRead(id) {
  const conversation = conversations.get(id);
  if (!conversation || !view.connected || !(conversation.unread_count > 0)) return;
  conversation.unread_count = 0;
  untold.set(id, conversation.last_seq);
  tellReads();
  changed("conversations");
}

// A server of another version may not know receipts, and ten refused frames in a row end a connection. So a ping
// follows the first receipt of a connection, and the others wait for its pong: a refusal would arrive before it.
function tellReads() {
  if (reads === "refused") untold.clear();
  for (const [id, seq] of untold) {
    if (reads === "asked") return;
    untold.delete(id);
    socket.send({ type: "message.read", ref: "read", conversation_id: id, seq });
    if (reads === "understood") continue;
    reads = "asked";
    socket.send({ type: "ping", ref: "read" });
  }
}

// History

export async function loadNewest(id) {
  const timeline = timelines.get(id) ?? new Timeline();
  timelines.set(id, timeline);
  timeline.state = "loading";
  changed("timeline");
  try {
    const page = await api.get(`/v1/conversations/${id}/messages?limit=${PAGE}`);
    for (const message of page.items) sends.settle(message);
    timeline.begin(page);
    // Between the response and the events there may be a gap; a resume costs one frame and fills it.
    if (view.connected) resume([id]);
  } catch (problem) {
    timeline.state = "failed";
    if (problem.status === 404) loseConversation(id);
  }
  changed("timeline");
}

export async function loadEarlier(id) {
  const timeline = timelines.get(id);
  if (!timeline?.loaded) return loadNewest(id);
  if (timeline.complete || timeline.state === "loading" || !timeline.messages.length) return;
  timeline.state = "loading";
  changed("timeline");
  try {
    const before = timeline.messages[0].seq;
    const page = await api.get(`/v1/conversations/${id}/messages?before_seq=${before}&limit=${PAGE}`);
    timeline.prepend(page.items, page.has_more);
    timeline.state = "idle";
  } catch {
    timeline.state = "failed";
  }
  changed("timeline");
}

// Live events

export function applyFrame(frame) {
  const apply = FRAMES[frame.type];
  if (apply) apply(frame);
  if (frame.seq && frame.conversation_id) advance(frame);
}

const FRAMES = {
  "message.new": applyNumbered,
  "message.updated": applyNumbered,
  "message.deleted": applyNumbered,
  "member.added": applyMembership,
  "member.updated": applyMembership,
  "member.removed": applyMembership,
  "conversation.updated": applyMembership,
  "conversation.created"({ conversation, membership_version }) {
    membershipVersion = membership_version ?? membershipVersion;
    // All members get the same bytes, so the user's own values (peer, unread) must be requested.
    fetchConversation(conversation.id);
  },
  "conversation.deleted"({ conversation, conversation_id, membership_version }) {
    membershipVersion = membership_version ?? membershipVersion;
    loseConversation(conversation?.id ?? conversation_id);
  },
  "message.read"({ conversation_id, user_id, up_to_seq }) {
    const conversation = conversations.get(conversation_id);
    if (user_id !== api.me().id || !conversation) return;
    if (up_to_seq >= conversation.last_seq) conversation.unread_count = 0; // read on another device
    changed("conversations");
  },
  "presence.state"({ users }) {
    store.presence.clear();
    for (const [id, status] of Object.entries(users ?? {})) store.presence.set(id, status);
    changed("people");
  },
  "presence.diff"(diff) {
    for (const status of ["online", "away", "offline"]) {
      for (const id of diff[status] ?? []) store.presence.set(id, status);
    }
    changed("people");
  },
  resumed({ conversation_id, last_seq }) {
    const timeline = timelines.get(conversation_id);
    if (!timeline) return;
    timeline.resuming = false;
    timeline.seen = Math.max(timeline.seen, timeline.newest, last_seq ?? 0);
    changed("timeline");
  },
  heartbeat({ heads = {}, membership_version }) {
    const behind = Object.entries(heads).filter(([id, head]) => timelines.get(id)?.loaded && timelines.get(id).seen < head);
    resume(behind.map(([id]) => id).filter((id) => !timelines.get(id).resuming));
    const missed = Object.entries(heads).some(([id, head]) => !(conversations.get(id)?.last_seq >= head));
    if (missed || (membership_version !== undefined && membership_version !== membershipVersion)) {
      membershipVersion = membership_version;
      loadConversations();
    }
  },
  pong({ ref }) {
    if (ref !== "read") return;
    if (reads === "asked") reads = "understood";
    tellReads();
  },
  error(frame) {
    if (sends.fail(frame)) return;
    if (frame.ref === "read" && frame.status === 400) reads = "refused";
    if (frame.code === "resync") startOver(frame.conversation_id);
    else if (frame.status === 404 && frame.conversation_id) fetchConversation(frame.conversation_id);
  },
};

function applyNumbered(frame) {
  const { message, conversation_id, seq } = frame;
  const timeline = timelines.get(conversation_id);
  if (message) {
    sends.settle(message);
    if (timeline && !timeline.loaded) timeline.early.push(message);
    else if (timeline?.apply(message)) changed("timeline");
  }
  const conversation = conversations.get(conversation_id);
  if (!conversation) return void fetchConversation(conversation_id);
  if (message && conversation.last_message?.id === message.id) conversation.last_message = message;
  if (message && message.seq === seq) {
    if (message.seq > (conversation.last_message?.seq ?? 0)) conversation.last_message = message;
    // The server has counted all messages that it had numbered at the time of the request.
    const uncounted = seq > conversation.last_seq;
    if (uncounted && message.sender_id === api.me().id) conversation.unread_count = 0;
    else if (uncounted && message.type !== "system") conversation.unread_count = (conversation.unread_count ?? 0) + 1;
  }
  changed("conversations");
}

/** Applies a message from a response; its event may arrive before or after. */
export function learnMessage(message) {
  const conversation = conversations.get(message.conversation_id);
  if (timelines.get(message.conversation_id)?.apply(message)) changed("timeline");
  if (conversation?.last_message?.id === message.id) conversation.last_message = message;
  changed("conversations");
}

function applyMembership(frame) {
  const { conversation_id, type, message } = frame;
  if (type === "member.removed" && subjectOf(frame) === api.me().id) {
    membershipVersion = frame.membership_version ?? membershipVersion;
    if (leftForGood(frame)) return loseConversation(conversation_id);
  }
  applyNumbered({ ...frame, message: message?.id ? message : null });
  if (frame.conversation) store.learnConversation({ id: conversation_id, ...pick(frame.conversation) });
  else if (conversations.has(conversation_id)) fetchConversation(conversation_id);
  if (type !== "conversation.updated") store.reloadMembers(conversation_id);
}

const subjectOf = ({ member, message }) => member?.user?.id ?? member?.user_id ?? message?.system?.user_id;
// A replayed removal may be older than a later addition.
const leftForGood = ({ conversation_id, seq }) => !(conversations.get(conversation_id)?.last_seq > seq);
const pick = ({ name, member_count }) =>
  Object.fromEntries(Object.entries({ name, member_count }).filter(([, value]) => value !== undefined));

function advance({ conversation_id, seq, message }) {
  const conversation = conversations.get(conversation_id);
  if (conversation && seq > conversation.last_seq) conversation.last_seq = seq;
  const timeline = timelines.get(conversation_id);
  if (!timeline) return;
  timeline.newest = Math.max(timeline.newest, seq);
  timeline.witness(seq, message);
  if (!timeline.loaded || timeline.resuming || seq <= timeline.seen) return;
  if (seq === timeline.seen + 1) timeline.seen = seq;
  else resume([conversation_id]);
}

function resume(ids) {
  for (let from = 0; from < ids.length; from += RESUME_AT_ONCE) {
    const some = ids.slice(from, from + RESUME_AT_ONCE);
    for (const id of some) timelines.get(id).resuming = true;
    const points = Object.fromEntries(some.map((id) => [id, timelines.get(id).point]));
    socket.send({ type: "resume", ref: "resume", conversations: points });
  }
}

function startOver(conversationId) {
  for (const id of conversationId ? [conversationId] : [...timelines.keys()]) {
    timelines.delete(id);
    // Its numbers may have gone back with a restored backup, so what the server says now is right.
    const conversation = conversations.get(id);
    if (conversation) Object.assign(conversation, { last_seq: 0, last_message: null });
    fetchConversation(id);
    if (id === view.openId) loadNewest(id);
  }
}
