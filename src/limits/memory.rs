//! Budgets of memory, and the worst case of the whole process.

use std::time::Duration;

use super::{
    BATCH_BYTES_MAX, CATCH_UP_PAGE, CONTENT_BYTES_MAX, HASH_KIB, HASHES_CONCURRENT_MAX, INDEX_BATCH_BYTES,
    INDEX_QUEUE_BYTES, JOURNAL_QUEUE_MAX, PAGE_BYTES_MAX, PAGE_MAX, POSTGRES_LANES, POSTGRES_READERS, RATE_KEYS_MAX,
    REPORT_REASON_CHARS_MAX, REPORTS_PAGE_MAX, SESSION_CACHE_MAX, SQLITE_READER_CACHE_KIB, SQLITE_READERS,
    SQLITE_WRITER_CACHE_KIB, TYPING_MAX,
};

/// Bytes of a budget of memory: for the node, and the shares of those who hold them.
#[derive(Clone, Copy, Debug)]
pub struct MemoryBounds {
    /// Bytes of the node.
    pub total: usize,
    /// Bytes of one user.
    pub per_user: usize,
    /// Bytes of one network.
    pub per_network: usize,
    /// Bytes of all clients without a user together.
    pub anonymous: usize,
    /// Bytes of the clients without a user of one network.
    pub per_network_anonymous: usize,
    /// Bytes that a user (or a network of clients without a user) may hold while the last quarter of `total` is used.
    pub modest: usize,
}

/// The bounds of the bytes that wait for clients.
pub const WAITING: MemoryBounds = MemoryBounds {
    total: WAITING_BYTES_MAX,
    per_user: WAITING_BYTES_PER_USER_MAX,
    per_network: WAITING_BYTES_PER_NETWORK_MAX,
    anonymous: WAITING_BYTES_ANONYMOUS_MAX,
    per_network_anonymous: WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX,
    modest: WAITING_BYTES_MODEST,
};
/// Bytes of a node that wait for clients: answers and send queues that their peers do not take, requests and frames that have arrived in
/// part. 256 clients can have a full page or send queue, far more than stall at a time. Beyond, an answer becomes `busy`, and a connection
/// is closed with 4008 or 1013.
pub const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The same for one user: eight full pages or send queues.
pub const WAITING_BYTES_PER_USER_MAX: usize = 8 * 1024 * 1024;
/// The same for one network: eight users that use their whole share, and four networks fill the node. Most users hold nothing.
pub const WAITING_BYTES_PER_NETWORK_MAX: usize = 64 * 1024 * 1024;
/// The same for the clients of one network that have no user: a quarter of its share, so that they leave room for its users.
pub const WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX: usize = WAITING_BYTES_PER_NETWORK_MAX / 4;
/// The same for all clients without a user together, so that nobody who has not logged in can use up what is for users.
pub const WAITING_BYTES_ANONYMOUS_MAX: usize = 64 * 1024 * 1024;
/// Bytes that a user (or a network of clients without a user) may hold while the last quarter of [`WAITING_BYTES_MAX`] is used: a page of the
/// usual size and some events. So clients that stall keep nobody else from an answer.
pub const WAITING_BYTES_MODEST: usize = 256 * 1024;
/// Time after which a client should try again that was refused for the memory of what waits: a slow client takes some of it by then.
pub const MEMORY_RETRY: Duration = Duration::from_secs(1);
/// Bytes of an answer or a part of a request that are not counted, because the socket itself costs as much.
pub const UNCHARGED_BYTES_MAX: usize = 4 * 1024;
/// Bytes of an answer over HTTP that the kernel takes before it can send them. Further ones wait in the process and are charged. A client on a
/// fast network is sent as much in a millisecond, so the next bytes are there in time.
pub const HTTP_UNSENT_BYTES_MAX: u32 = 128 * 1024;
/// Pages that are read from the store and encoded at a time. Each is at most 3.2 MiB of rows and 1 MiB of JSON, so all are at most 68 MiB. Twice
/// the readers of PostgreSQL: they need not wait for the next page.
pub const PAGES_CONCURRENT_MAX: usize = 2 * POSTGRES_READERS as usize;

/// The bounds of the memory of subscriptions. Nobody subscribes without a user.
pub const SUBSCRIPTIONS: MemoryBounds = MemoryBounds {
    total: SUBSCRIPTIONS_MAX * SUBSCRIPTION_BYTES,
    per_user: SUBSCRIPTIONS_PER_USER_MAX * SUBSCRIPTION_BYTES,
    per_network: SUBSCRIPTIONS_PER_NETWORK_MAX * SUBSCRIPTION_BYTES,
    anonymous: 0,
    per_network_anonymous: 0,
    modest: SUBSCRIPTIONS_MODEST * SUBSCRIPTION_BYTES,
};
/// Bytes that a subscription is charged: those of the first one of a conversation, with its room. A further one takes 100.
pub const SUBSCRIPTION_BYTES: usize = 240;
/// Subscriptions of a node: 10,000 users with 50 conversations on two devices. They take 100 to 240 MB. A connection for which no room is left is
/// closed with 1013, since it would miss events.
pub const SUBSCRIPTIONS_MAX: usize = 1_000_000;
/// The same for one user: a quarter. A user with 10,000 conversations has 25 connections, and one with 100,000 has two. A connection for which
/// no room is left is closed with 4505.
pub const SUBSCRIPTIONS_PER_USER_MAX: usize = SUBSCRIPTIONS_MAX / 4;
/// The same for one network: a half. An office of 500 behind one address has 100 conversations for each on ten devices.
pub const SUBSCRIPTIONS_PER_NETWORK_MAX: usize = SUBSCRIPTIONS_MAX / 2;
/// Subscriptions that a user may have while the last quarter of [`SUBSCRIPTIONS_MAX`] is used: 1,000 conversations on ten devices. So users with
/// very many conversations keep nobody else out.
pub const SUBSCRIPTIONS_MODEST: usize = 10_000;

/// Bytes of a node without load.
const IDLE_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of an entry of a map with short keys, as the rate limiters and the session cache have.
const MAP_ENTRY_BYTES: usize = 100;
/// Rate limiters of a node.
const RATE_LIMITERS: usize = 12;
/// Bytes of rows and JSON of one page that is read: [`PAGE_MAX`] of the longest texts and one more, and [`PAGE_BYTES_MAX`].
const PAGE_READ_BYTES: usize = (PAGE_MAX + 1) * CONTENT_BYTES_MAX + PAGE_BYTES_MAX;
/// Bytes of a report: the copy of a text, and a reason of characters of four bytes.
const REPORT_BYTES_MAX: usize = CONTENT_BYTES_MAX + 4 * REPORT_REASON_CHARS_MAX;
const _: () = assert!((REPORTS_PAGE_MAX + 1) * REPORT_BYTES_MAX + PAGE_BYTES_MAX <= PAGE_READ_BYTES);
/// Bytes of the texts in the queues of one lane of the journal, in the batch that is committed and in the one that is delivered.
const LANE_BYTES: usize = 2 * JOURNAL_QUEUE_MAX * CONTENT_BYTES_MAX + 2 * BATCH_BYTES_MAX;

/// Bytes of what waits for the index, and of the texts and words of a batch: what the node commits and what it finds are indexed at the same
/// time. What waits is there twice while one part of it is being indexed.
const INDEX_BYTES: usize = 2 * INDEX_QUEUE_BYTES + 2 * 2 * (CATCH_UP_PAGE * CONTENT_BYTES_MAX + INDEX_BATCH_BYTES);

/// The worst case of the process's memory, whatever clients do: a node without load, what waits for clients, the pages that are read, the
/// journal, the index of messages, subscriptions, passwords that are hashed, the caches of SQLite and of sessions, and the rate limiters.
///
/// Memory also grows with what is open: 3 KiB for an idle connection, up to [`UNCHARGED_BYTES_MAX`] of an answer or a part of a request and
/// [`super::HEAD_BYTES_MAX`] of a head for each of at most [`super::SOCKETS_MAX`] sockets. The kernel keeps bytes that a peer does not acknowledge:
/// [`HTTP_UNSENT_BYTES_MAX`] for an answer over HTTP, by default up to 4 MiB for a WebSocket (`net.ipv4.tcp_wmem`), and in all what
/// `net.ipv4.tcp_mem` says.
pub const WORST_CASE_BYTES: usize = IDLE_BYTES
    + WAITING_BYTES_MAX
    + PAGES_CONCURRENT_MAX * PAGE_READ_BYTES
    + POSTGRES_LANES * LANE_BYTES
    + SUBSCRIPTIONS_MAX * SUBSCRIPTION_BYTES
    + INDEX_BYTES
    + HASHES_CONCURRENT_MAX * HASH_KIB as usize * 1024
    + (SQLITE_WRITER_CACHE_KIB as usize + SQLITE_READERS * SQLITE_READER_CACHE_KIB as usize) * 1024
    + (SESSION_CACHE_MAX + RATE_LIMITERS * RATE_KEYS_MAX + TYPING_MAX) * MAP_ENTRY_BYTES;
/// A machine of 2 GiB has twice as much, beside the system and the kernel's buffers. Without subscriptions it is 615 MiB, as much as one of 1 GiB
/// has for the process.
const _: () = assert!(WORST_CASE_BYTES <= 896 * 1024 * 1024);
