//! Chinwag: a chat server in one binary. Accounts, conversations and durable real-time messages over REST and WebSocket.
//!
//! # The layers
//!
//! ```text
//! server  bench  console   composition root: configuration, commands, start, drain, routes; beside it the load generator of `chinwag bench`
//!                          and the console client of `chinwag chat`
//! http  ws                 the transports: sockets, HTTP requests, WebSocket frames
//! transport                shared by both: state, client addresses, origins, bounds of sockets, responses
//! api                      the operations table, and the dispatcher that every call goes through
//! chat                     the functions of the operations: validation, reads from the store, writes to the journal
//! sync  auth               catching up, reconciling, presence, receipts, the words of users and messages; passwords, tokens, sessions, tickets
//! journal                  writes are batched, committed, delivered and answered
//! delivery                 encoding, envelopes, this node's inbox, gap repair
//! store  registry  bus     ports: durable data, this node's connections, other nodes
//! wire                     JSON in and out; WebSocket frames as bytes
//! domain                   types and rules
//! limits                   every bound
//! ```
//!
//! A file imports from its own layer and from those below; `tests/it/layers.rs` checks it. Only the transports, `transport` and
//! `server` know hyper, and only `ws` knows tungstenite. The ports are `dyn`. Above them there are no generics and no service traits.
//!
//! # The journey of a request
//!
//! 1. `http::accept` accepts the socket, and `http::listener` lets hyper read the request.
//! 2. [`http::router`] finds the row of [`server::routes`] by method and path: an operation of [`api::OPERATIONS`], a handler of
//!    [`http::routes`] (the page, health), or a handshake of [`ws::upgrade`].
//! 3. [`http::chain`] runs the middleware in the order of one list: request id, access log, CORS, panic guard, request validation, access
//!    token.
//! 4. `http::operation` makes an [`api::Call`] of the request. Its [`wire::input::Input`] has the fields of path and query, and the body.
//! 5. `api::dispatch` checks the access token, reads the input, charges the cost of the operation and runs its row, within
//!    [`limits::ANSWER_TIMEOUT`]. The time in which the input arrives is not counted.
//! 6. The row names functions of [`chat`]. A `Call` reads or writes the store and returns a [`wire::answer::Answer`]. For a numbered write
//!    the row is a `Write`: its function returns a [`domain::command::Write`], which the dispatcher hands to the journal, and a second
//!    function makes the answer of the outcome.
//! 7. `http::operation` turns the answer into a response. `http::error` turns every [`domain::Error`] into a problem (RFC 9457).
//!
//! Over WebSocket `ws::decoder` and `ws::reader` replace steps 1 to 3. `ws::dispatch` looks up the frame's `type`, `ws::operation`
//! makes the call, and the answer is a `reply` or an `error` frame.
//!
//! # The journey of a message
//!
//! 1. A client sends it by `POST`, as above, or as a `message.send` frame, which `ws::write` takes because many may be in flight. Both
//!    call `chat::messages`, which checks the input and makes a [`domain::command::NewMessage`]. Every other numbered write is a
//!    [`domain::command::Command`] and takes the same path.
//! 2. [`journal`] admits the write to the lane of its conversation. `journal::batch` makes the next batch, of sends or of commands, while
//!    `journal::lane` still commits or delivers the last one.
//! 3. The store locks the counters of the batch's conversations and numbers what it writes, in one transaction.
//!    [`store::NumberedWrites::commit`] looks each new message up by its id, checks its sender's membership and inserts it, on PostgreSQL in one
//!    round trip, or two if a text mentions somebody. [`store::NumberedWrites::apply`] loads the facts of each command, decides it by [`domain::rules`] and writes the rows that
//!    change, on PostgreSQL in two round trips.
//! 4. The lane encodes the new events once for all recipients (`delivery::encode`), adds the users who join or leave
//!    (`delivery::envelopes`), and publishes the envelopes on the [`bus`].
//! 5. `delivery::local_inbox` delivers them to the [`registry`] under the conversation's [`registry::DeliveryGuard`]. The room's watermark
//!    rises, and the send queue of each live subscription writes the bytes to its socket at once.
//! 6. Only then does the lane answer the client. Over HTTP the answer is 201. Over WebSocket the message's own event is the answer.
//!
//! Half a second later `sync::message_index` indexes its words, for the search of `chat::search`.
//!
//! Frames that may be lost, as those about typing, use the bus too: as ephemeral envelopes, with an audience and without a number. Presence crosses
//! nodes in a form of its own: each node tells who is connected to it, and `sync::presence` announces on each what its viewers see.
//!
//! Receipts take no number. `sync::receipts` writes the newest of each member in batches, past the journal, and then sends them as ephemeral
//! frames.
//!
//! A client that was away reads the same events from the store. `sync::catch_up` sends pages until the connection has all that this node
//! has delivered, and activates the subscription at that number, under the lock that delivery takes.
//!
//! On PostgreSQL several processes serve together. `sync::leases` keeps this node's lease in the store and finds the other nodes there. The bus is
//! [`bus::cluster`] then: it delivers an envelope here, and queues it for a carrier, [`bus::cluster::notify`], which brings it to the others by LISTEN and
//! NOTIFY. What the store can repeat goes as a hint, and the other node reads it from the store.
//!
//! A node that missed events reads them from the store too, those of many conversations by one question. `delivery::gap_repair` reads the missing ones before it delivers those that
//! follow. A gap at the end has no event after it, so `sync::reconcile` compares the node's numbers with the store's once a heartbeat.
//! After a failover of PostgreSQL the same numbers may be those of other events. Then `sync::replaced_history` closes all connections before the
//! store serves again, and [`store::HistoryGate`] keeps back what was committed, read or said by another node in the history before.
//!
//! # Invariants
//!
//! - A client sees a message only when it is durable. A write is acknowledged only when its event is in the send queues of all its
//!   recipients on this node.
//! - Every numbered write goes through the journal, under the lock of its conversation's counter.
//! - Only a send queue writes to its socket.
//! - No lock is held over an await. While bytes are pushed, the registry holds no lock but the conversation's delivery guard, which
//!   deliveries, gap repair and heartbeats take.
//! - Every queue has a bound in [`limits`], and every task has an owner. A client's bytes cost little before they are known to be valid.
//! - Every operation authorises its caller: the dispatcher checks the access, and the function or the commit checks membership and role.
//!   A user who is not in a conversation cannot tell it from one that does not exist.
//! - There is no cache of messages, no flush by a timer, no second order beside `seq`, and no `unsafe`.

pub mod api;
pub mod auth;
pub mod bench;
pub mod bus;
pub mod chat;
pub mod console;
pub mod delivery;
pub mod domain;
pub mod http;
pub mod journal;
pub mod limits;
pub mod registry;
pub mod server;
pub mod store;
pub mod sync;
pub mod transport;
pub mod wire;
pub mod ws;
