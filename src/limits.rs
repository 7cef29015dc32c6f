//! Every bound, with its unit and its reason. What is not bounded here is bounded by one of these.

use std::time::Duration;

// ── What people may say ──────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a message's text: some five pages, far beyond what anybody types.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Members of a group: one commit's fan-out stays below some ten thousand writes.
pub const GROUP_MEMBERS_MAX: i64 = 10_000;
/// Members named when a conversation is made: 1,000 ids are 39 KiB of JSON, within [`BODY_BYTES_MAX`].
pub const INITIAL_MEMBERS_MAX: usize = 1_000;
/// Members up to which a conversation is small: receipts and presence of each member are sent. In larger ones they would outweigh the
/// messages.
pub const SMALL_CONVERSATION_MEMBERS_MAX: i64 = 200;
/// Unread messages are counted up to here, for a badge that says "99+".
pub const UNREAD_MAX: i64 = 100;

// ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Items of a page when nobody says how many.
pub const PAGE_DEFAULT: usize = 50;
/// Items of a page at the most: 200 messages of 16 KiB are 3.2 MiB.
pub const PAGE_MAX: usize = 200;
/// Messages read from the store at a time while a connection catches up: at most 1.6 MiB.
pub const CATCH_UP_PAGE: usize = 100;
/// Conversations whose live events one connection of `/ws` hears.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;
/// Conversations that one `resume` frame may name; 500 entries are 24 KiB of JSON.
pub const RESUME_CONVERSATIONS_MAX: usize = 500;
/// Conversations that one `heartbeat` frame names; 500 are 24 KiB of JSON. The others come with the next one.
pub const HEARTBEAT_HEADS_MAX: usize = 500;
/// Users in the `presence.state` of one connection.
pub const PRESENCE_CONTACTS_MAX: usize = 5_000;

// ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a request's line and header fields: a token of some 300 bytes and a browser's usual fields fit twice.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a request's target.
pub const URI_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a request's body: 16 KiB of text with every character escaped (`\u00XX`, six bytes) and what is around it.
pub const BODY_BYTES_MAX: usize = 128 * 1024;
/// Until a request's head must have arrived; also how long an idle connection is kept.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Until a request's body must have arrived.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Until a request must be answered, whatever it asks the store for and however often; what its body takes to arrive is not counted.
/// Also until a connection whose turn it is has begun. So everybody hears something within 5 s, whatever the store does.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(4_750);
/// Until a peer must have taken something of what is sent to it, be it an answer or a frame; beyond, it is gone. Longer than most
/// tunnels, and as long as a page of history is held for somebody who does not read it.
pub const PEER_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Sockets open at a time, HTTP and WebSocket together; beyond, new ones wait in the kernel's queue.
pub const SOCKETS_MAX: usize = 100_000;
/// Sockets of one address (of one /64 of IPv6), HTTP and WebSocket together: a large office behind one, and it takes forty
/// such to fill [`SOCKETS_MAX`].
pub const SOCKETS_PER_ADDRESS_MAX: usize = 2_500;
/// Pause after `accept` failed (out of file descriptors), so that it does not spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What goes on failing is logged again only if it had been well for so long.
pub const LOG_THROTTLE: Duration = Duration::from_secs(10);

// ── WebSocket ────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a client's frame and of a message in several frames.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are read from a WebSocket at a time: some eighty short sends. A thread has one buffer for all its connections.
pub const READ_BYTES: usize = 16 * 1024;
/// Bytes that may wait for one connection; beyond, it is a slow consumer and is closed with 4008. (What one commit
/// delivers may come on top, once.)
pub const SEND_QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Deliveries that may wait for one connection, however small: the place of each takes some 64 bytes. Events are rarely below 256.
pub const SEND_QUEUE_FRAMES_MAX: usize = SEND_QUEUE_BYTES_MAX / 256;
/// Bytes that may wait for all connections together, since not all have memory for [`SEND_QUEUE_BYTES_MAX`]: 256 of them at their own
/// bound, far more than stall at a time. Beyond, whoever has more than [`SOCKETS_MAX`] could share is closed with 4008.
pub const SEND_QUEUES_TOTAL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes that wait for a connection beyond which it is not told what may be lost (presence): room for what may not.
pub const EPHEMERAL_QUEUED_BYTES_MAX: usize = SEND_QUEUE_BYTES_MAX / 4;
/// Bytes that wait for one connection while it catches up, before the next page is read for it.
pub const CATCH_UP_QUEUED_BYTES_MAX: usize = SEND_QUEUE_BYTES_MAX / 4;
/// Until a peer that catches up must have taken enough for the next page; beyond, it does not read.
pub const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(50);
/// Frames handed to the kernel in one `writev`; IOV_MAX is 1,024, and few outboxes ever hold more.
pub const WRITE_SLICES_MAX: usize = 64;
/// Sends of one connection that are not yet committed; beyond, it is not read.
pub const SENDS_IN_FLIGHT_MAX: usize = 256;
/// Connections of one user: phones, tabs and bots, with room.
pub const CONNECTIONS_PER_USER_MAX: usize = 50;
/// Between two pings; two unanswered close the connection.
pub const HEARTBEAT: Duration = Duration::from_secs(25);
/// Until the first frame must have said who one is, if the handshake did not.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// WebSockets that came without a token and have not said who they are, for which each may take [`AUTH_TIMEOUT`].
pub const UNAUTHENTICATED_SOCKETS_MAX: usize = 2_000;
/// Those of one address: a tenth, so that one cannot keep all others out.
pub const UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX: usize = 200;
/// WebSockets that came with a token and wait for their connection to begin: at some 2,000 a second after a restart, the
/// last of them waits four seconds.
pub const PENDING_CONNECTIONS_MAX: usize = 8_000;
/// Those of one address: a quarter, so that one cannot keep all others out.
pub const PENDING_CONNECTIONS_PER_ADDRESS_MAX: usize = 2_000;
/// Connections that are begun at a time: each asks the store some five times, and this keeps its readers busy while leaving
/// room for the requests between.
pub const CONNECTS_CONCURRENT_MAX: usize = 2 * POSTGRES_READERS as usize;
/// Until a connection's turn to begin must have come; beyond, it is closed with 1013, since clients wait no longer either.
pub const CONNECT_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bad frames in a row that close a connection.
pub const BAD_FRAMES_MAX: u32 = 10;
/// How long a closing connection waits for the peer's own close.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of the answer to an operation over WebSocket: a quarter of [`SEND_QUEUE_BYTES_MAX`], so that one leaves room for events. A page of
/// 200 items of the usual size fits.
pub const REPLY_BYTES_MAX: usize = SEND_QUEUE_BYTES_MAX / 4;
/// Characters of a `ref`, which is repeated as it came.
pub const REF_CHARS_MAX: usize = 64;
/// How long presence changes gather before they are announced: a page reload is not an absence.
pub const PRESENCE_DEBOUNCE: Duration = Duration::from_millis(500);
/// How long the announcement that users went offline waits for the store to have written when they were last seen.
pub const LAST_SEEN_WAIT: Duration = Duration::from_millis(500);

// ── The journal ──────────────────────────────────────────────────────────────────────────────────────────────

/// Commands that wait for admission to one lane, and as many that were admitted: twice 2,048 of 16 KiB are 64 MiB.
pub const JOURNAL_QUEUE_MAX: usize = 2_048;
/// Commands of one batch: where the cost of a commit is spread thin enough, and each index page is touched once for many of them.
pub const BATCH_ROWS_MAX: usize = 1_024;
/// Commands for which it is worth to commit while the last batch is still being delivered: enough to spread the cost of a commit.
/// Fewer wait for it, so that what arrives meanwhile joins them, and each recipient gets more in one write.
pub const OVERLAP_MIN_COMMANDS: usize = 64;
/// Bytes of text in one batch, so that one statement stays a small thing for the database.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// A lane that admits nothing for so long is told as `busy`: within 5 s, as everything.
pub const ADMISSION_TIMEOUT: Duration = Duration::from_millis(4_500);
/// A command that could not be committed so long after it arrived is told as `unavailable`: whoever sent it hears something
/// within 5 s, whatever the store does.
pub const COMMAND_TIMEOUT: Duration = Duration::from_millis(4_500);
/// First pause between two tries of a batch; each is twice as long as the one before.
pub const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries: a store that is back is noticed soon, and one that is not is not stormed.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long a batch that is committed waits for what the store still has to tell, before it is delivered without.
pub const BACKFILL_TIMEOUT: Duration = Duration::from_millis(500);
/// Pause before a node looks again for what it could not read.
pub const RECONCILE_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Conversations, users or sessions that one question of a node to the store names.
pub const RECONCILE_PAGE: usize = 500;

// ── Stores ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Until a connection to PostgreSQL stands, its handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Until one statement or one batch is answered.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(4);
/// Until a migration has the lock that keeps two nodes from migrating at once.
pub const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read from PostgreSQL.
pub const POSTGRES_READERS: u32 = 8;
/// Connections of the journal to PostgreSQL: while one lane waits for its flush, another fills its batch.
pub const POSTGRES_LANES: usize = 2;
/// Connections that read from SQLite, each on a thread while it is used.
pub const SQLITE_READERS: usize = 4;
/// Jobs that wait for SQLite's writer thread; the journal's batches are one job each.
pub const SQLITE_WRITER_QUEUE_MAX: usize = 64;
/// How long SQLite waits for another process's lock on the file.
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(4);
/// How long the store's word that it can serve is passed on: probes come from many sides, and are one question a second.
pub const HEALTH_CACHE_TTL: Duration = Duration::from_secs(1);
/// Until it must have said so; later, it cannot serve. Load balancers wait for few seconds.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// KiB of pages that the writer keeps in memory, once it has used so many: a batch for hundreds of conversations touches hundreds of
/// index pages, and with SQLite's 2 MiB reads them from the file again each time.
pub const SQLITE_WRITER_CACHE_KIB: i64 = 32 * 1024;
/// KiB of pages that each reader keeps in memory. The kernel has them all; with 128 KiB or 2 MiB pages of history cost the same.
pub const SQLITE_READER_CACHE_KIB: i64 = 128;
/// Pages of the write-ahead log after which SQLite folds it into the database: 16 MiB. What many batches change is then written to the
/// database once; a start after a crash reads so much.
pub const SQLITE_WAL_PAGES: i64 = 4_000;
/// Bytes of the write-ahead log beyond which the writer waits for the readers to let go of it; else, if there is always one, it
/// grows for as long as they overlap.
pub const SQLITE_WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long the writer waits for them, and for another process's.
pub const SQLITE_WAL_TIMEOUT: Duration = Duration::from_millis(250);

// ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Passwords that are hashed or compared at a time: each takes a core and 19 MiB.
pub const HASHES_CONCURRENT_MAX: usize = 2;
/// Requests that wait for their password's turn: at 30 ms each, the last waits about a second.
pub const HASHES_WAITING_MAX: usize = 64;
/// A refresh token may be used again for so long, while its successor is unused (two tabs, a lost answer).
pub const REFRESH_GRACE: Duration = Duration::from_secs(30);
/// How long a ticket may be used: as long as a slow handshake takes, not as long as an address is remembered somewhere.
pub const TICKET_TTL: Duration = Duration::from_secs(30);
/// Tickets of one user that are not used yet: one for each connection that they may have.
pub const TICKETS_PER_USER_MAX: i64 = 50;
/// Expired tickets that are swept away with each new one: more than one, so that what was left is gone some time.
pub const TICKETS_SWEPT: i64 = 100;
/// How long a session is believed to be live without asking the store again; ending it on this node is seen at once.
pub const SESSION_CACHE_TTL: Duration = Duration::from_secs(5);
/// Sessions that are believed at a time; beyond, the oldest beliefs go.
pub const SESSION_CACHE_MAX: usize = 100_000;

// ── Rates ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Logins and registrations that one address may do at once, and how many a minute come back.
pub const ACCOUNT_CALLS: Rate = Rate { burst: 30, per_minute: 30 };
/// Wrong passwords that one username may have at once, and how many a minute come back.
pub const LOGIN_FAILURES: Rate = Rate { burst: 10, per_minute: 5 };
/// Numbered writes (sends, changes of members and names) of one user through all doors of a node: at once, what one
/// connection may have under way and a second one besides; for good, 50 a second, which nobody types and few bots need.
pub const WRITES: Rate = Rate { burst: 500, per_minute: 3_000 };
/// Sends of one connection that may be refused for their rate. More than may be under way, since those were sent before
/// the first refusal could be heard; whoever goes on regardless is closed with 4029.
pub const WRITES_REFUSED: Rate = Rate { burst: 500, per_minute: 600 };
/// Keys that one rate limit remembers; beyond, those that are full again are forgotten.
pub const RATE_KEYS_MAX: usize = 50_000;
/// Between two times that a rate limit looks for those: it looks at all.
pub const RATE_SWEEP: Duration = Duration::from_secs(1);

/// A token bucket: how many at once, and how many a minute come back.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The bucket's size.
    pub burst: u32,
    /// What flows in.
    pub per_minute: u32,
}
