// REST calls and the tokens they need. Everything that can go wrong comes out as a Problem.

// sessionStorage and not localStorage: it belongs to one tab, so two tabs of one browser can be two people,
// and a closed tab is a forgotten token. It survives a reload, which is all that is needed.
const KEY = "chinwag.session";
const ANSWER_MS = 20_000;

let session = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
let user = session?.user ?? null;
let refreshing = null;
let refreshTimer = 0;
let hooks = { refreshed() {}, ended() {} };

// A duplicated tab starts with a copy of the refresh token. The server ends a session whose token is used
// twice, so whoever refreshes tells the copies what came of it.
const siblings = new BroadcastChannel(KEY);
siblings.onmessage = ({ data }) => {
  if (session && session.refresh_token === data.replaces) keep(data.session);
};

/** What the server answered instead of what was asked for (RFC 9457), or that it did not answer. */
class Problem extends Error {
  constructor(status, members = {}) {
    super(members.detail || members.title || `The server answered ${status}.`);
    this.status = status;
    this.code = members.code ?? "";
    this.errors = members.errors ?? [];
  }
}

/** Who is logged in here; still the same person in the moment between logging out and starting afresh. */
export const me = () => user;

export function watchSession(newHooks) {
  hooks = newHooks;
  if (session) scheduleRefresh();
}

export const get = (path) => request("GET", path);
export const post = (path, body) => request("POST", path, body);
export const patch = (path, body) => request("PATCH", path, body);
export const remove = (path) => request("DELETE", path);

export async function register(username, name, password) {
  return open(await exchange("POST", "/v1/users/register", { username, name, password }));
}

export async function login(username, password) {
  keep(accept(await open(await exchange("POST", "/v1/users/login", { username, password }))));
  return user;
}

export async function logout() {
  // The person wants to be gone; a server that does not answer must not hold them.
  const ending = session && exchange("POST", "/v1/users/logout", undefined, session.access_token);
  forget();
  await ending?.catch(() => {});
}

export function forget() {
  clearTimeout(refreshTimer);
  sessionStorage.removeItem(KEY);
  session = null;
}

/** An access token that is good for a while yet. */
export async function token() {
  if (!session) throw new Problem(401, { detail: "You are logged out." });
  return session.expires_at - Date.now() > 10_000 ? session.access_token : refresh();
}

/** New tokens for old ones. Single-flight: a refresh token is good for one use. */
export function refresh() {
  refreshing ??= exchangeTokens().finally(() => { refreshing = null; });
  return refreshing;
}

async function exchangeTokens() {
  if (!session) throw new Problem(401, { detail: "You are logged out." });
  const replaces = session.refresh_token;
  const answer = await exchange("POST", "/v1/users/refresh", { refresh_token: replaces });
  if (!session) throw new Problem(401, { detail: "You are logged out." });
  if (session.refresh_token !== replaces) return session.access_token; // a sibling was faster
  if ([400, 401, 403, 422].includes(answer.status)) {
    // Only a plain no ends the session. A server that is away or busy says nothing about it.
    hooks.ended("Your session has ended. Please log in again.");
  }
  keep(accept(await open(answer)));
  siblings.postMessage({ replaces, session });
  return session.access_token;
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
