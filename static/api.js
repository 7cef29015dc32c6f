// REST calls and their tokens. Every failure is thrown as a Problem.

// sessionStorage and not localStorage: it belongs to one tab, so two tabs of one browser can be two users, and a
// closed tab loses its token. A reload keeps it.
const KEY = "chinwag.session";
const ANSWER_MS = 20_000;
const HANDSHAKE_MS = 5_000;

let session = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
let user = session?.user ?? null;
let refreshing = null;
let refreshTimer = 0;
let hooks = { refreshed() {}, ended() {} };

// A duplicated tab starts with a copy of the refresh token. The server ends a session whose token is used twice, so a
// tab that refreshes sends the new tokens to the copies.
const siblings = new BroadcastChannel(KEY);
siblings.onmessage = ({ data }) => {
  if (session && session.refresh_token === data.replaces) keep(data.session);
};

/** The server's error response (RFC 9457), or the absence of a response. */
class Problem extends Error {
  constructor(status, members = {}) {
    super(members.detail || members.title || `The server answered ${status}.`);
    this.status = status;
    this.code = members.code ?? "";
    this.errors = members.errors ?? [];
  }
}

/** The logged-in user. It stays the same between the logout and the reload. */
export const me = () => user;

export function watchSession(newHooks) {
  hooks = newHooks;
  if (session) scheduleRefresh();
}

export const get = (path) => request("GET", path);
export const post = (path, body) => request("POST", path, body);
export const patch = (path, body) => request("PATCH", path, body);
export const put = (path) => request("PUT", path);
export const remove = (path) => request("DELETE", path);

export async function register(account) {
  return open(await exchange("POST", "/v1/users/register", account));
}

export async function login(username, password) {
  keep(accept(await open(await exchange("POST", "/v1/users/login", { username, password }))));
  return user;
}

export async function logout() {
  // The user wants to leave, so a server that does not answer must not prevent the logout.
  const ending = session && exchange("POST", "/v1/users/logout", undefined, session.access_token);
  forget();
  await ending?.catch(() => {});
}

export function forget() {
  clearTimeout(refreshTimer);
  sessionStorage.removeItem(KEY);
  session = null;
}

/** Returns an access token that does not expire soon. */
export async function token() {
  if (!session) throw new Problem(401, { detail: "You are logged out." });
  return session.expires_at - Date.now() > 10_000 ? session.access_token : refresh();
}

/** Gets new tokens. Single-flight, because a refresh token can be used once. */
export function refresh() {
  refreshing ??= exchangeTokens().finally(() => { refreshing = null; });
  return refreshing;
}

async function exchangeTokens() {
  if (!session) throw new Problem(401, { detail: "You are logged out." });
  const replaces = session.refresh_token;
  const answer = await exchange("POST", "/v1/users/refresh", { refresh_token: replaces });
  if (!session) throw new Problem(401, { detail: "You are logged out." });
  if (session.refresh_token !== replaces) return session.access_token; // another tab was faster
  if ([400, 401, 403, 422].includes(answer.status)) {
    // Only a plain refusal ends the session. A server that is unavailable or busy says nothing about it.
    hooks.ended("Your session has ended. Please log in again.");
  }
  keep(accept(await open(answer)));
  siblings.postMessage({ replaces, session });
  return session.access_token;
}

/**
 * Why no WebSocket opens, for a browser hides the answer to a handshake. "unreachable", "foreign" (the server does not
 * take this page's address for its own), or "open": the server would let it in. A browser sends `Origin` with OPTIONS
 * as with a handshake, and only to an allowed origin the answer has the header.
 */
export async function askHandshake() {
  try {
    const answer = await fetch("/ws", { method: "OPTIONS", signal: AbortSignal.timeout(HANDSHAKE_MS) });
    if (!answer.ok) return "unreachable";
    return answer.headers.has("access-control-allow-origin") ? "open" : "foreign";
  } catch {
    return "unreachable";
  }
}

async function request(method, path, body) {
  const used = await token();
  let answer = await exchange(method, path, body, used);
  if (answer.status === 401) {
    const fresh = session?.access_token === used ? await refresh() : await token();
    answer = await exchange(method, path, body, fresh);
  }
  return open(answer);
}

async function exchange(method, path, body, bearer) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "The server cannot be reached. Try again in a moment." });
  }
}

async function open(answer) {
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Problem(answer.status, content ?? {});
  return content;
}

function accept({ access_token, refresh_token, expires_in, user }) {
  return { access_token, refresh_token, user, lasts_ms: expires_in * 1000, expires_at: Date.now() + expires_in * 1000 };
}

function keep(newSession) {
  const known = session !== null;
  session = newSession;
  user = session.user;
  sessionStorage.setItem(KEY, JSON.stringify(session));
  scheduleRefresh();
  if (known) hooks.refreshed(session.access_token);
}

function scheduleRefresh(after = session.expires_at - Date.now() - Math.min(60_000, session.lasts_ms / 5)) {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => refresh().catch(() => session && scheduleRefresh(15_000)), Math.max(after, 1_000));
}
