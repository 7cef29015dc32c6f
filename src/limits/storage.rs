//! The journal, and the stores below it.

use std::time::Duration;

// ── The journal ──────────────────────────────────────────────────────────────────────────────────────────────

/// Writes that wait for admission to one lane, and as many again that it has admitted. Twice 2,048 writes of 16 KiB are 64 MiB.
pub const JOURNAL_QUEUE_MAX: usize = 2_048;
/// Writes of one batch. With this many the cost of a commit is small for each, and an index page is touched once for many of them.
pub const BATCH_ROWS_MAX: usize = 1_024;
/// Pipelining starts when at least this many writes wait: enough to share the cost of a commit. Fewer wait until the last batch is
/// delivered, so that writes which arrive meanwhile join them and each recipient gets more in one write.
pub const OVERLAP_MIN_WRITES: usize = 64;
/// Bytes of text in one batch, so that its statement stays small for the database. The last write of a batch may exceed the bound.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// A write that its lane does not admit within this time is answered with `busy`: within 5 s, as every call.
pub const ADMISSION_TIMEOUT: Duration = Duration::from_millis(4_500);
/// A write that is not committed this long after it arrived is answered with `unavailable`. So its client gets an answer within 5 s,
/// whatever the store does.
pub const WRITE_TIMEOUT: Duration = Duration::from_millis(4_500);
/// Pause between the first two tries of a batch. Each further pause is twice as long as the one before.
pub const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause between two tries of a batch: short enough to notice soon that the store is back, and long enough not to overload a store
/// that is not. Also how often a lane answers expired writes while a try is running.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_millis(250);
/// Time that a committed batch waits for events or details that the lane still reads from the store. Then it is delivered without them.
pub const BACKFILL_TIMEOUT: Duration = Duration::from_millis(500);
/// Events of a batch whose details a lane reads at the same time: as many as PostgreSQL has readers.
pub const DETAILS_AT_ONCE_MAX: usize = POSTGRES_READERS as usize;
/// Pause before a node reads from the store again after a read failed. Also the longest pause between two tries of presence.
pub const RECONCILE_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Conversations, users or sessions in one query of reconciling or presence, so that each query stays small for the store.
pub const RECONCILE_PAGE: usize = 500;

// ── Stores ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Time in which a connection to PostgreSQL must be open, its handshake included. Shorter than [`QUERY_TIMEOUT`].
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Head start of each host of PostgreSQL before the next one is tried beside it: as long as a handshake takes on a slow network. Three hosts
/// are tried well within [`CONNECT_TIMEOUT`].
pub const POSTGRES_HOST_HEAD_START: Duration = Duration::from_millis(250);
/// Time in which PostgreSQL must answer one statement or one batch. Shorter than [`WRITE_TIMEOUT`] and [`super::ANSWER_TIMEOUT`], so that a
/// client gets the store's error.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(4);
/// Calls for one conversation each that share a round trip to a distributed PostgreSQL. The server works on them one after another, so that more save no
/// time, and the time of a batch is looked at between them.
pub const COMMIT_CALLS_AT_ONCE: usize = 64;
/// After this time no further conversation of a batch is tried on a distributed PostgreSQL. Half of [`QUERY_TIMEOUT`], so that the outcomes of those that were
/// tried are known before it ends.
pub const CONVERSATIONS_TIMEOUT: Duration = Duration::from_secs(2);
/// Tries to commit messages with mentions on a distributed PostgreSQL while the members of their conversation change. A change takes a commit, as a try does, so
/// that a second one is rarely needed.
pub const MENTION_TRIES_MAX: usize = 5;
/// Advisory locks by which transactions lock users on a distributed PostgreSQL. With as many, 20 transactions of two users each hardly ever share one. A deletion
/// of the largest group takes all of them, and PostgreSQL's table of locks has room for 6,400 by default.
pub const USER_LOCK_SLOTS: u16 = 1_024;
/// Time in which a migration must get the lock that keeps two nodes from migrating at once. Meanwhile another node may migrate.
pub const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time in which a statement of a migration must get its table's lock. Writes of nodes that serve wait behind it, so it is half of
/// [`QUERY_TIMEOUT`]. A migration that does not get its locks is tried again for [`MIGRATION_LOCK_TIMEOUT`].
pub const MIGRATION_TABLE_LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before a migration is tried again. Meanwhile the writes that waited behind it are committed.
pub const MIGRATION_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Connections of a node that read from PostgreSQL. With [`POSTGRES_LANES`], the one for its lease and the one for notifications a node has twelve,
/// and PostgreSQL allows 100 by default.
pub const POSTGRES_READERS: u32 = 8;
/// Connections of the journal to PostgreSQL. While one lane waits for its flush, another fills its batch.
pub const POSTGRES_LANES: usize = 2;
/// Connections that read from SQLite: as many as from PostgreSQL, so that a quarter of them is two. Each occupies a thread while it is used,
/// and is opened when all others are in use. Two read as many pages a second as four.
pub const SQLITE_READERS: usize = POSTGRES_READERS as usize;
/// Calls of one user that use the store at a time: a quarter of its readers, so that the calls of others find one free. Two keep one busy
/// while the other's answer is encoded.
pub const STORE_CALLS_PER_USER_MAX: usize = POSTGRES_READERS as usize / 4;
/// Time that PostgreSQL gets to end a statement by itself whose caller has gone, before it is cancelled: most take less, and a cancellation
/// is a connection of its own.
pub const ABANDONED_STATEMENT_GRACE: Duration = Duration::from_millis(50);
/// Time in which PostgreSQL must have taken the request to cancel such a statement.
pub const ABANDONED_STATEMENT_TIMEOUT: Duration = Duration::from_secs(1);
/// Rows of each kind that are deleted at a time of a deleted conversation or user. The longest texts are 1.6 MiB, which SQLite overwrites in some
/// 10 ms.
pub const SWEPT_ROWS: usize = 100;
/// Rows of each table that are looked through at a time for what nodes of an older schema have left, once in [`SWEEP_INTERVAL`]: in some
/// milliseconds, and a million rows in a day.
pub const LEFTOVERS_STEP: usize = 1_000;
/// Pause after each of these steps, so that a sweep takes at most a third of the writer's time.
pub const SWEEP_PAUSE: Duration = Duration::from_millis(20);
/// Groups without members that are deleted at a time, each in a transaction of its own.
pub const MEMBERLESS_SWEPT: usize = 100;
/// Time after which a node looks for deleted conversations that another node has not swept to the end.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Jobs that wait for SQLite's writer thread in each of its two queues: batches of the journal, and all others. Further jobs wait in their
/// callers.
pub const SQLITE_WRITER_QUEUE_MAX: usize = 64;
/// Time that SQLite waits for another process's lock on the file. The same as [`QUERY_TIMEOUT`].
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(4);
/// Faults of a kind that `chinwag check` shows. More would be the same fault many times over.
pub const CHECK_FAULTS_SHOWN: usize = 20;
/// Rows that `chinwag copy` moves or compares at a time. Fewer would cost more flushes.
pub const COPY_BATCH_ROWS: usize = 2_000;
/// Bytes of rows after which such a batch ends, with the row that exceeds them. The process holds one batch.
pub const COPY_BATCH_BYTES: usize = 1024 * 1024;
/// Time for which `chinwag copy` waits for another copy into the same database, whose process may just have been killed.
pub const COPY_LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for which the store's health is cached. Many clients probe it, and the store is asked once a second.
pub const HEALTH_CACHE_TTL: Duration = Duration::from_secs(1);
/// Time in which the store must answer a health check. A later answer counts as a failure, since load balancers wait only a few seconds.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// KiB of pages that SQLite's writer keeps in memory once it has used as many. A batch for hundreds of conversations touches hundreds of
/// index pages, and with SQLite's default of 2 MiB reads them from the file again each time.
pub const SQLITE_WRITER_CACHE_KIB: u32 = 32 * 1024;
/// KiB of pages that each reader of SQLite keeps in memory. The kernel caches them all: pages of history cost the same with 128 KiB and
/// with 2 MiB.
pub const SQLITE_READER_CACHE_KIB: u32 = 128;
/// Pages of the write-ahead log after which SQLite checkpoints it: 16 MiB. A page that many batches change is then written to the database
/// once. A start after a crash reads as much.
pub const SQLITE_WAL_PAGES: i64 = 4_000;
/// Bytes of the write-ahead log above which the writer waits for the readers and empties it. Without this the log grows as long as one
/// reader overlaps the next.
pub const SQLITE_WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Time after which the next job of the writer empties the log however short it is, since the log still has the text of messages that were
/// deleted. A health check is such a job. Emptying costs two flushes, and waits for readers.
pub const SQLITE_WAL_AGE_MAX: Duration = Duration::from_secs(600);
/// Time that the writer waits for those readers, including another process's.
pub const SQLITE_WAL_TIMEOUT: Duration = Duration::from_millis(250);
