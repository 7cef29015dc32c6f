//! Conversations and their messages, what their members read, and who types.

use std::time::Duration;

// ── Conversations ────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a message's text. 16 KiB are about five pages, far more than a user types.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Members of a group. A commit's fan-out then stays below about 10,000 writes.
pub const GROUP_MEMBERS_MAX: i64 = 10_000;
/// Members listed in the request that creates a conversation. 1,000 ids are 39 KiB of JSON, within [`super::BODY_BYTES_MAX`].
pub const INITIAL_MEMBERS_MAX: usize = 1_000;
/// Members of a small conversation. Only in small conversations are receipts and presence of each member sent: in larger ones they would
/// outweigh the messages.
pub const SMALL_CONVERSATION_MEMBERS_MAX: i64 = 200;
/// Messages at each end of a direct conversation among which one of a user shows that the user wrote to the other. Most answers come early
/// or were the latest. Bounds a question about a conversation of a million messages to two reads of an index.
pub const CONTACT_MESSAGES_MAX: usize = 50;
/// Conversations that one call leaves: 100 ids are 4 KiB of JSON.
pub const LEAVES_MAX: usize = 100;
/// Leaves of one call that are in the journal at a time. The calls that a user's rate limit allows at once then have as many writes in flight
/// as it allows sends.
pub const LEAVES_IN_FLIGHT_MAX: usize = 20;
/// Bytes of an emoji. The longest of Unicode's list have 35, and keyboards may add a variation selector of 3 bytes to each of its characters.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Kinds of reactions to one message: two lines below it, and at most 1 KiB in each of its frames.
pub const REACTION_KINDS_MAX: usize = 20;
/// Kinds of reactions to one message that one member has alone. A quarter of all, so that nobody uses them up; a kind that others share is
/// theirs too.
pub const REACTION_KINDS_ALONE_MAX: usize = 5;
/// Users named in one `reactions.changed`: at 120 bytes each, fewer bytes than the longest text, so that a page of events is bounded by texts.
pub const REACTION_CHANGES_MAX: usize = 128;
/// Characters of a quoted text: three lines above the answer to it.
pub const QUOTE_CHARS_MAX: i32 = 200;
/// Users whom one message mentions: more than anybody addresses by name, and few enough to insert with the message.
pub const MENTIONS_MAX: usize = 50;
/// Different names behind the `@` of one text that are looked up, each by two indexes: twice [`MENTIONS_MAX`], because a name may be one of several
/// usernames. Bounds the look-ups of one message; [`NAME_WEIGHT_BYTES`] bounds those of a batch.
pub const MENTION_NAMES_MAX: usize = 2 * MENTIONS_MAX;
/// Bytes of text that a name counts as in the bound of a batch: the look-up and the row that it may cost take as long. So a batch has at most
/// 2,000 names beside its first write.
pub const NAME_WEIGHT_BYTES: usize = 512;
/// Saved messages of one user: more than anybody goes through, and few enough to count with each of them.
pub const SAVED_MAX: i64 = 1_000;
/// Pinned messages of one conversation: more than anybody looks through, and few enough to count at each pin.
pub const PINS_MAX: i64 = 100;
/// Unread messages, and unread mentions, counted for one member of a conversation: enough for a badge that says "99+".
pub const UNREAD_MAX: i64 = 100;
/// Newest messages among which the unread ones of a member are counted, and newest mentions among which the unread ones are. System messages, deleted ones and one's own are not counted, and
/// without a bound a page of conversations could read a million of them.
pub const UNREAD_SCANNED_MAX: usize = 1_000;
/// Messages and mentions that are looked at to count the unread ones for each token of [`super::READS`] that a list of conversations costs besides its own. 100 take
/// SQLite 0.3 ms, as long as 40 messages of a page of history with their texts. A user with a few unread messages pays nothing.
pub const UNREAD_SCANNED_PER_TOKEN: usize = 100;

// ── Receipts ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Pause between two writes of receipts. A user who reads while nobody else does waits for no pause, and a crowd that reads at once
/// costs the store ten commits a second, a few per cent of its time. A crash loses no more than this of what clients did not wait for.
pub const RECEIPTS_PAUSE: Duration = Duration::from_millis(100);
/// Time between two frames with the receipts of a conversation: a crowd that reads at once is one frame for each listener.
pub const RECEIPT_FRAMES_PERIOD: Duration = Duration::from_secs(1);
/// Conversations whose frames with receipts are published before other tasks get their turn.
pub const RECEIPT_FRAMES_AT_ONCE: usize = 50;
/// Members with blocks of whom a node asks the store at a time who must not see their receipts. With those of one more conversation they are 120,000
/// looks into an index: some 100 ms.
pub const RECEIPT_BLOCKS_AT_ONCE: usize = 100;
/// Receipts that are written in one transaction: 500 rows, in some milliseconds. A batch after one that the store did not take has half as many,
/// so that a store which is too slow for the whole gets a part that it can write in time.
pub const RECEIPTS_BATCH_MAX: usize = 500;
/// Members whose unread messages are counted in one query, of at most 50,000 rows of an index: some 20 ms.
pub const UNREAD_COUNTED_AT_ONCE: usize = 50;
/// Bytes that a receipt takes while it waits to be written, and then for the count of what is unread. It is charged to its user, who can have 32,000 of them.
pub const RECEIPT_BYTES: usize = 256;

// ── Typing ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Time for which a client shows that a user types, unless it is said again.
pub const TYPING_SHOWN: Duration = Duration::from_secs(6);
/// Time between two announcements that a user types in a conversation: half of [`TYPING_SHOWN`], so that one may be lost.
pub const TYPING_PERIOD: Duration = Duration::from_secs(3);
/// Users who type, each in one conversation, of whom a node remembers it. It announces no others. Bounds the memory.
pub const TYPING_MAX: usize = 20_000;
/// The same for one user: a thousandth. Nobody types in as many conversations within [`TYPING_SHOWN`], and few users cannot use up the room of all.
pub const TYPING_PER_USER_MAX: usize = 20;
/// Time between two looks through all of them for old ones, when there is no room.
pub const TYPING_SWEEP: Duration = Duration::from_secs(1);
