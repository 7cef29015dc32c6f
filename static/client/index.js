// The client: everything that a chat needs between its views and the server. It has no dependency, needs no build step and knows
// no document, so it runs in pages, in workers and in Node.
//
//     const client = createClient({ baseUrl: "https://chat.example" });
//     client.on("message", ({ message }) => console.log(message.content));
//     await client.login("ada", "correct horse");
//
// A file imports from those below it; tests/client/imports.test.js checks it.
//
//     index                                                                          this table
//     client                                                                         puts the parts together
//     sync                                                                           frames of the server → data
//     reactions  pins                                                                what users do to messages
//     account  search  notifications  settings  saved                                the user's own account; finding people and messages; what the user is notified of and keeps
//     resume  read-state  typing  own-presence  outbox  conversation-list  history   what is asked of the server, and what is not answered yet
//     conversations  people  timeline  receipts  drafts  transmission                data; messages in flight
//     paged-list                                                                   a list that is loaded page by page
//     reaction-counts  quotes                                                        what messages show besides their text
//     connection                                                                     the WebSocket: connects again, watches heartbeats
//     backoff  close-codes  handshake  heartbeat                                     its rules
//     rest  session                                                                  calls in the user's name; login and tokens
//     refresher  token-store  outbox-storage  tab                                    what the tabs of a browser share
//     http  emitter  uuid7                                                           requests, events, ids
//     environment  types                                                             the surroundings: storage, fetch, WebSocket, clock
//
// Events (`client.on(type, handler)`):
//
//     change       data has changed: the Set of "conversations", "people", "timeline", "pins", "receipts", "outbox",
//                  "typing", "settings", "saved", "connection"
//     message      {message}: a message is new, live or caught up in a conversation that is opened
//     sent         {message}: the server has a message of this client
//     failed       {message}: the server refuses a message of this client; its `reason` says why
//     connection   {state, reason, retryAt, isSilent}: connecting, connected, waiting (until `retryAt`), refused, stopped;
//                  `isSilent`: nothing has answered for 5 s
//     ended        {user, reason, isWiped}: the session of a user has ended; `isWiped`: nothing of the user may stay here
//     frame        {direction, frame}: a frame as it was sent ("out") or received ("in")

import { Client } from "./client.js";

/** @import { Options } from "./types.js" */

export { activity } from "./conversations.js";
export { Problem } from "./http.js";
export { quoteOf } from "./quotes.js";
export { foundParts, messagesWith, peopleNamed } from "./search.js";

/** @param {Options} [options] */
export const createClient = (options = {}) => new Client(options);
