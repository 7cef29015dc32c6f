//! HTTP and WebSocket: sockets, requests, frames and connections.

use std::time::Duration;

use super::{CONTENT_BYTES_MAX, POSTGRES_READERS};

// ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a request's line and header fields. A token of about 300 bytes and a browser's usual fields fit twice.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a request's target. A `?token=` of about 300 bytes, or a search with a cursor, fits many times.
pub const URI_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a request's body: 16 KiB of text with every character escaped (`\u00XX`, six bytes), and the JSON around it.
pub const BODY_BYTES_MAX: usize = 128 * 1024;
/// Time in which a request's head must arrive, so that a client that sends slowly does not keep its socket. Also the time for which an idle
/// connection is kept.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Time in which a request's body must arrive. The largest body arrives in time at 9 KiB/s.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Time in which a call must be answered, whatever it asks the store for and however often. The time in which its input arrives is not
/// counted. Also the time for which a connection has its permit to be set up. So every client gets an answer within 5 s, whatever
/// the store does.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(4_750);
/// A socket is closed when its peer accepts no bytes of an answer or a frame for this long. A phone passes most tunnels in less. A page of
/// history is held as long for a client that does not read it.
pub const PEER_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Open sockets of a node, HTTP and WebSocket together. Further ones wait in the kernel's queue.
pub const SOCKETS_MAX: usize = 100_000;
/// Open sockets of one address (for IPv6 of one /64), HTTP and WebSocket together. A large office can share an address, and forty full
/// addresses are needed to fill [`SOCKETS_MAX`].
pub const SOCKETS_PER_ADDRESS_MAX: usize = 2_500;
/// Time for which a read goes on whose client has closed its sending side: such a client may still wait for the answer, or may have gone. Most
/// answers come in a tenth of it.
pub const ABANDONED_READ_GRACE: Duration = Duration::from_millis(500);
/// Pause after `accept` failed, for instance because no file descriptor is free, so that the listener does not spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a client's text (a path, a method, a header field) in a log line: more than any path of the API, and too few to fill a disk.
pub const LOGGED_BYTES_MAX: usize = 200;
/// Characters of a client's text that an error repeats: enough to recognise it. A frame of escaped characters would make an error of ten times
/// its size.
pub const REPEATED_CHARS_MAX: usize = 200;
/// A repeated failure is logged again only after this long without one. Also the time for which refusals of one kind are counted together.
pub const LOG_THROTTLE: Duration = Duration::from_secs(10);
/// Refusals of one kind and one network that are logged one by one within [`LOG_THROTTLE`]; further ones are counted. A client with a
/// defect shows itself in fewer, and an attacker writes 600 bytes a second.
pub const REFUSALS_LOGGED: u64 = 20;
/// Failures of the store that are logged one by one within [`LOG_THROTTLE`]; further ones are counted. While the store is away, every request
/// fails.
pub const FAILURES_LOGGED: u64 = 20;
/// Kinds and networks of refusals that are counted apart. Further networks are counted together. So floods from everywhere write at most
/// 60 KiB a second to the log.
pub const REFUSAL_KINDS_MAX: usize = 100;

/// The first bytes of the SHA-256 of the page's files, which name a release in their paths: 80 bits, for a few releases that nobody forges.
pub const RELEASE_BYTES: usize = 10;
/// Brotli's quality, of 0 to 11. All 53 files, 200 KB, became 66.7 KB in 19 ms. 4 gives 72.0 KB, no fewer than gzip; 11 gives 60.7 KB in 0.28 s.
pub const BROTLI_QUALITY: i32 = 5;
/// Gzip's level, of 0 to 9. The same files became 71.8 KB in 4 ms, and with 9 as many.
pub const GZIP_LEVEL: u32 = 6;

// ── WebSocket ────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a client's frame, and of a message of several frames: a text of [`CONTENT_BYTES_MAX`] with every character escaped (`\u00XX`, six
/// bytes), and 16 KiB for the JSON around it.
pub const FRAME_BYTES_MAX: usize = 6 * CONTENT_BYTES_MAX + 16 * 1024;
/// Bytes read from a WebSocket at a time: about eighty short sends. Each thread has one buffer of this size for all its connections.
pub const READ_BYTES: usize = 16 * 1024;
/// Bytes that wait in one connection's send queue. A connection with more is a slow consumer and is closed with 4008. One delivery may
/// exceed the bound, once.
pub const SEND_QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Deliveries that wait in one connection's send queue, however small, since each entry takes about 64 bytes. Events rarely have fewer than
/// 256 bytes.
pub const SEND_QUEUE_FRAMES_MAX: usize = SEND_QUEUE_BYTES_MAX / 256;
/// Bytes that wait in one connection's send queue while it still takes frames that may be lost (presence). The rest of the queue is for
/// frames that may not.
pub const EPHEMERAL_QUEUED_BYTES_MAX: usize = SEND_QUEUE_BYTES_MAX / 4;
/// Bytes that wait in one connection's send queue while it catches up. The next page is read when fewer wait. Also the bytes of events that
/// catching up pushes at a time.
pub const CATCH_UP_QUEUED_BYTES_MAX: usize = SEND_QUEUE_BYTES_MAX / 4;
/// Time in which a client that catches up must take enough for the next page. A client that takes longer does not read. Also holds for the
/// reply to an operation.
pub const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(50);
/// Frames handed to the kernel in one `writev`. IOV_MAX is 1,024, and few send queues ever hold more than 64 frames.
pub const WRITE_SLICES_MAX: usize = 64;
/// Writes and operations of one connection that are not answered yet. While there are as many, the server does not read from the
/// connection.
pub const SENDS_IN_FLIGHT_MAX: usize = 256;
/// Connections of one user: phones, tabs and bots, with room to spare.
pub const CONNECTIONS_PER_USER_MAX: usize = 50;
/// Time between two pings of a connection, shorter than proxies keep an idle connection. Two unmet pings close it. Also the time
/// between two comparisons of a node with the store.
pub const HEARTBEAT: Duration = Duration::from_secs(25);
/// Time in which the first frame must authenticate the client, if the handshake did not. Bounds how long a socket without a user is open.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// WebSockets of a node whose handshake had no token, until their connection is set up. Each may take [`AUTH_TIMEOUT`] to authenticate.
pub const UNAUTHENTICATED_SOCKETS_MAX: usize = 2_000;
/// The same for one address: a tenth, so that one address cannot keep all others out.
pub const UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX: usize = 200;
/// WebSockets of a node whose handshake had a token, until their connection is set up. After a restart about 2,000 are set up each second,
/// so that the last of them waits 4 s.
pub const PENDING_CONNECTIONS_MAX: usize = 8_000;
/// The same for one address: a quarter, so that one address cannot keep all others out.
pub const PENDING_CONNECTIONS_PER_ADDRESS_MAX: usize = 2_000;
/// Connections that are set up at a time. Each asks the store about five times: this keeps the store's readers busy and leaves room for
/// requests between.
pub const CONNECTS_CONCURRENT_MAX: usize = 2 * POSTGRES_READERS as usize;
/// The same for one user, whose conversations may be many.
pub const CONNECTS_CONCURRENT_PER_USER_MAX: usize = 2;
/// Time that a connection waits for its permit to be set up. Then it is closed with 1013, since clients do not wait longer either.
pub const CONNECT_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bad frames in a row that close a connection: more than a slip, so the client has a defect.
pub const BAD_FRAMES_MAX: u32 = 10;
/// Time that a closing connection waits for the peer's close frame: a round trip on a slow network.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of the answer to an operation over WebSocket: a quarter of [`SEND_QUEUE_BYTES_MAX`], so that an answer leaves room for events. A
/// page of 200 items of the usual size fits.
pub const REPLY_BYTES_MAX: usize = SEND_QUEUE_BYTES_MAX / 4;
/// Characters of a `ref`, which the answer repeats. A UUID has 36.
pub const REF_CHARS_MAX: usize = 64;
/// Time between a change of presence and its announcement. The worker announces all changes of that time together. Also the time for which a
/// user is still shown after their client closed its connection, since a page reload is not an absence, and for which a count of a room's users
/// is kept.
pub const PRESENCE_DEBOUNCE: Duration = Duration::from_millis(500);
/// Time that the announcement of users who went offline waits for the store to write when they were last seen.
pub const LAST_SEEN_WAIT: Duration = Duration::from_millis(500);
