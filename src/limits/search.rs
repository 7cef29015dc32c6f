//! Searches for users and for messages, and the indexes behind them.

use std::time::Duration;

use super::CONTENT_BYTES_MAX;

// ── Searching users ──────────────────────────────────────────────────────────────────────────────────────────

/// Characters of the `q` that searches for users: a name of 64 characters and a username of 32, with room between.
pub const SEARCH_CHARS_MAX: usize = 128;
/// Characters of a word by which users are found; longer words are cut. A name of 64 letters stays whole, and an entry of an index stays
/// below the 2,700 bytes that PostgreSQL allows.
pub const USER_WORD_CHARS_MAX: usize = 64;
/// Words of one search that are looked up in the index, to find one that few users have. The others are compared with the names found.
pub const SEARCH_LOOKUPS_MAX: usize = 4;
/// Users with one word that a search reads by the index. Beyond, the word is common, and walking by username finds matches sooner: among
/// 300,000 users every 150th has it.
pub const SEARCH_CANDIDATES_MAX: usize = 2_000;
/// Users that a search reads for one page when all its words are common. A page ends there, and the next one goes on.
pub const SEARCH_USERS_MAX: usize = 4_000;
/// Users that such a search reads at a time.
pub const SEARCH_USERS_AT_ONCE: usize = 1_000;
/// Users whose words are rewritten in one transaction. Other writes of SQLite wait for as long.
pub const USER_WORDS_BATCH: usize = 500;
/// Pause between two such transactions while the node serves, several times as long as one takes, so that other writes get their turn.
pub const USER_WORDS_PAUSE: Duration = Duration::from_millis(100);

// ── Searching messages ───────────────────────────────────────────────────────────────────────────────────────

/// Characters of the `q` that searches for messages: a sentence and all filters.
pub const MESSAGE_QUERY_CHARS_MAX: usize = 256;
/// Words of such a `q`. A user remembers fewer of a message, and each is compared with each word of the messages found.
pub const SEARCH_TERMS_MAX: usize = 16;
/// Characters from which the last word of a search is the beginning of a word. One letter begins a tenth of all words.
pub const SEARCH_PREFIX_CHARS_MIN: usize = 2;
/// Characters of a word in the index of messages; longer words are cut, as those of users are. 64 characters are at most 256 bytes, and
/// PostgreSQL takes 2 KiB.
pub const SEARCH_WORD_CHARS_MAX: usize = 64;
/// Words of a message that are indexed: as many as the longest text has letters with a space behind each. PostgreSQL numbers up to 16,383
/// words. Only characters that stand for a whole sentence give more.
pub const SEARCH_WORDS_MAX: usize = CONTENT_BYTES_MAX / 2;
/// Occurrences of one word in a message that are indexed. PostgreSQL keeps 255 places of a word.
pub const SEARCH_OCCURRENCES_MAX: usize = 255;
/// Characters of an excerpt: two lines on a phone or one on a desk.
pub const EXCERPT_CHARS_MAX: usize = 160;
/// Time in which the index is searched for one page. A page ends there, and the next one goes on.
pub const SEARCH_DEADLINE: Duration = Duration::from_millis(250);
/// Part of [`SEARCH_DEADLINE`] that PostgreSQL gets to collect all messages of a search from its index. It sorts them then, because the index has
/// no order. The rest is for walking through the newest messages instead.
pub const SEARCH_COLLECT_TIMEOUT: Duration = Duration::from_millis(150);
/// Messages that PostgreSQL collects from its index for one page, and places of words that SQLite collects from its index for the beginning of
/// a word. Beyond, the words are common, and walking through the newest messages finds a page sooner: of a million messages every 200th matches
/// then, so that 50 matches are among 10,000.
pub const SEARCH_COLLECTED_MAX: usize = 5_000;
/// Messages that a store walks through at a time, in some 10 ms.
pub const SEARCH_WALKED_AT_ONCE: usize = 4_000;
/// Steps of SQLite's virtual machine between two looks at the clock of a search: some 20 messages, or pages of the index, in less than 1 ms.
pub const SEARCH_CLOCK_STEPS: i32 = 400;
/// Conversations of a user by which the index itself is asked. With more, memberships are checked for each message found: a query of the index
/// takes longer with each conversation that it names.
pub const SEARCH_SCOPE_MAX: usize = 100;
/// Names of groups that `in:` is compared with. It is more than a user has in years; further groups are named by their ids.
pub const SEARCH_NAMES_MAX: usize = 10_000;
/// Time for which new messages gather before they are indexed, so that they share a transaction. A message is found within 2 s.
pub const INDEX_PAUSE: Duration = Duration::from_millis(500);
/// Messages that are indexed in one transaction. In batches of 500 each costs a third more: SQLite's index merges what each batch adds.
pub const INDEX_BATCH_MESSAGES: usize = 4_000;
/// Time that such a transaction takes. If it takes more than twice as long, the next one has half the messages: sends wait for SQLite's writer,
/// and PostgreSQL's index has a place of its own for each word.
pub const INDEX_BATCH_TIME: Duration = Duration::from_millis(20);
/// Bytes of text that are indexed in one transaction. The longest texts take as long as many short ones.
pub const INDEX_BATCH_BYTES: usize = 1024 * 1024;
/// Bytes of committed events that wait for the index: what the fastest node commits in [`INDEX_PAUSE`]. Beyond, they are read from the store.
pub const INDEX_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Conversations of which the store is asked for what is not indexed, in 160 KB. Beyond, the next scan finds them.
pub const INDEX_QUEUE_MAX: usize = 10_000;
/// Time between two scans for conversations that are not indexed to their end: another node may have ended before it indexed what it
/// committed, or a command may have changed a message in the database beside the servers.
pub const INDEX_SCAN_INTERVAL: Duration = Duration::from_secs(60);
/// Conversations that a scan reads at a time.
pub const INDEX_SCAN_PAGE: usize = 1_000;
/// Pause after each of these pages, ten times as long as one takes.
pub const INDEX_SCAN_PAUSE: Duration = Duration::from_millis(50);
/// Time for which an index of another version of the words is kept that no node uses: nodes are replaced one by one, and an upgrade may be
/// taken back.
pub const INDEX_VERSION_KEPT: Duration = Duration::from_secs(24 * 3600);
