// A server that answers requests as a test says, and whose WebSockets the test holds in its hands.

import { settled } from "./clock.js";

export const ADA = { id: "0198-ada", username: "ada", name: "Ada", status: "online" };
export const GRACE = { id: "0198-grace", username: "grace", name: "Grace", status: "online" };
const TOKEN_SECONDS = 900;

export class FakeServer {
  /** The requests, as "METHOD /path", with their bodies and tokens. */
  requests = [];
  sockets = [];
  isReachable = true;
  /** Answers by "METHOD /path": a function of the request, which returns [status, body, headers]. */
  answers = {
    "POST /v1/users/login": () => [200, this.tokens(ADA)],
    "POST /v1/users/refresh": ({ body }) => [200, this.tokens(this.#users.get(body.refresh_token))],
    "POST /v1/users/logout": () => [204],
    "GET /v1/conversations": () => [200, { items: [], next: null }],
    "GET /v1/conversations/0198-room": () => [200, { id: "0198-room", type: "group", created_at: "2026-01-01T00:00:00Z", last_seq: 0 }],
    "OPTIONS /ws": () => [204],
  };
  #generation = 0;
  #users = new Map(); // by refresh token

  tokens(user) {
    const number = ++this.#generation;
    this.#users.set(`refresh${number}`, user);
    return { access_token: `access${number}`, refresh_token: `refresh${number}`, expires_in: TOKEN_SECONDS, user };
  }

  count(name) {
    return this.requests.filter((request) => request.name === name).length;
  }

  /** The newest WebSocket. */
  get socket() {
    return this.sockets.at(-1);
  }

  fetch = async (url, { method = "GET", headers = {}, body }) => {
    const { pathname, search } = new URL(url);
    const name = `${method} ${pathname}`;
    const request = { name, search, body: body && JSON.parse(body), token: headers.authorization?.replace("Bearer ", "") };
    this.requests.push(request);
    await settled();
    if (!this.isReachable) throw new TypeError("fetch failed");
    const [status, content, fields] = (await this.answers[name]?.(request)) ?? [404, { code: "not_found", title: "Not found" }];
    return new Response(content === undefined ? null : JSON.stringify(content), { status, headers: fields });
  };

  get WebSocket() {
    const { sockets } = this;
    return class {
      constructor(url, protocols) {
        sockets.push(new FakeSocket(this, url, protocols));
      }

      send(text) {
        this.held.sent.push(JSON.parse(text));
      }

      close(code) {
        this.held.closedByClient = code ?? 1005;
      }
    };
  }
}

/** The server's end of a WebSocket. */
class FakeSocket {
  sent = [];
  closedByClient = null;

  constructor(end, url, protocols) {
    Object.assign(this, { end, url, protocols });
    end.held = this;
  }

  /** Accepts the connection. */
  async hello(more = {}) {
    this.end.onopen?.({});
    await this.tell({ type: "hello", user: ADA, heartbeat_ms: 25_000, membership_version: 1, ...more });
  }

  async tell(frame) {
    this.end.onmessage?.({ data: JSON.stringify(frame) });
    await settled();
  }

  async close(code) {
    this.end.onclose?.({ code });
    await settled();
  }

  sentOf(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}
