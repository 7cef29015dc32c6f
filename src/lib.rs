//! Chinwag: a chat server in one binary. Accounts, conversations and durable real-time messages over REST and WebSocket.
//!
//! # The layers
//!
//! ```text
//! server  bench            composition root: configuration, start, drain, routes; and `chinwag bench` beside it
//! http  ws                 transports: the only code that knows hyper and tungstenite
//! transport                what both share: state, client addresses, socket permits
//! chat                     operations: what users do; validation, authorisation, calls below
//! sync  auth               catch-up, reconciling, presence; passwords, tokens, sessions, tickets
//! journal                  commands batched, committed, delivered, acknowledged
//! delivery                 encoding, this node's inbox, gap repair
//! store  registry  bus     ports: durable data, local connections, other nodes
//! domain  wire  limits     types and rules; JSON in and out, encoded once; every bound
//! ```
//!
//! A file's imports point down, or sideways within its layer; `tests/it/layers.rs` holds them to it. The ports are `dyn`;
//! above them there are no generics and no service traits.
//!
//! # The journey of a request
//!
//! `http::listener` accepts the socket and hyper reads the request. [`http::router`] finds its row in the table of
//! [`http::routes`]: method, path, who may call, handler. [`http::chain`] takes it through the middleware, in the order of
//! one list: request id, access log, panic guard, CORS, well-formedness, time-out, authentication, rate limit. The handler
//! reads the body, calls an operation of [`chat::Chat`], and encodes what it says with [`wire`]. An [`domain::Error`] from
//! anywhere becomes a problem (RFC 9457) in one place, `http::error`.
//!
//! # The journey of a message
//!
//! 1. It comes by `POST` or as a `message.send` frame (`ws::decoder`, `ws::dispatch`), is checked, and becomes a
//!    [`domain::command::NewMessage`]. (Everything else that is numbered is a [`domain::command::Command`] and goes the same way.)
//! 2. [`journal`] admits it to the lane of its conversation. While one batch is committed, the next gathers.
//! 3. [`store::Commands::commit`] locks the conversations' counters, looks each message up by its id, checks the sender's
//!    membership, numbers, inserts and commits the batch: in one transaction, and on PostgreSQL in one round trip.
//! 4. The journal encodes what is new, once for all recipients, and publishes it on the [`bus`].
//! 5. `delivery::local_inbox` takes it to the [`registry`]: the room's watermark rises, and each seat that is live gets the bytes
//!    into its send_queue, which writes them to the socket at once.
//! 6. Then, and only then, the sender's answer is given: 201, or the message's own event, which is the acknowledgement.
//!
//! Frames that may be lost, as those of `sync::presence`, go over the bus too: as ephemeral envelopes, with an audience and no number.
//!
//! Whoever was away reads the same table: `sync::catch_up` sends pages from the store until the connection has all
//! that this node has delivered, and goes live at that number under the lock that delivery takes. And a node that was away
//! does the same: what leaves a hole is read from the store before what follows it (`delivery::gap_repair`), and for what has nothing
//! after it the node compares its numbers with the store's, once a heartbeat (`sync::reconcile`).
//!
//! # Invariants
//!
//! - Nobody sees a message before it is durable; nothing is acknowledged before it was handed to everybody's send_queue.
//! - Every numbered write goes through the journal, under the lock of its conversation's counter.
//! - Only an send_queue writes to its socket. No lock is held over an await; while bytes are pushed none is but the conversation's
//!   turn, which only those take who deliver.
//! - Every queue has a bound in [`limits`], every task an owner, and what a client sends costs little until it is known to
//!   be good.
//! - Every verb that a transport calls authorises; somebody who is not in a conversation cannot tell it from one that does not
//!   exist.
//! - Not here: no cache of messages, no timers that flush, no second order beside `seq`, no `unsafe`.

pub mod api;
pub mod auth;
pub mod bench;
pub mod bus;
pub mod chat;
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
