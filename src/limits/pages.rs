//! What one answer lists and what one query reads.

/// Items of a page if the client gives no `limit`.
pub const PAGE_DEFAULT: usize = 50;
/// Items of a page. The store reads as many rows, and one more: 3.2 MiB of the longest texts.
pub const PAGE_MAX: usize = 200;
/// Bytes of an encoded page over HTTP: 200 messages of 5 KiB. The longest text takes 98 KiB when every character is escaped, and 200 of them
/// would take 19 MiB. Over WebSocket, a page has at most [`super::REPLY_BYTES_MAX`].
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Events of a conversation read from the store at a time while a connection catches up or a gap is repaired. 100 messages are at most 1.6 MiB.
pub const CATCH_UP_PAGE: usize = 100;
/// Conversations in one question of gap repair, so that it leaves at least two events of [`BACKFILL_EVENTS_MAX`] to each: most lack one.
pub const BACKFILL_CONVERSATIONS_MAX: usize = 100;
/// Events in one answer to gap repair, of all conversations together: as many as a page of history has, and at most 3.2 MiB.
pub const BACKFILL_EVENTS_MAX: usize = 2 * BACKFILL_CONVERSATIONS_MAX;
/// Conversations of a user that are read from the store at a time. 1,000 ids are 16 KB.
pub const CONVERSATION_IDS_PAGE: usize = 1_000;
/// Conversations to which a connection of `/ws` subscribes before it queues again for its permit to be set up. A connection subscribes to all
/// of its user's conversations, however many, and others need not wait for all of them.
pub const SUBSCRIBED_AT_ONCE_MAX: usize = 10_000;
/// Conversations in one `resume` frame. 500 entries are 24 KiB of JSON, and with ids 53 KiB.
pub const RESUME_CONVERSATIONS_MAX: usize = 500;
/// Conversations in one `heartbeat` frame. 500 entries are 24 KiB of JSON. The next heartbeat goes on after them, so that each gets its turn.
pub const HEARTBEAT_HEADS_MAX: usize = 500;
/// Memberships that are read to find a user's co-members: those of 100 conversations of [`super::SMALL_CONVERSATION_MEMBERS_MAX`] members. Somebody with many
/// conversations of the same people would read them all for each of their connections.
pub const CO_MEMBER_ROWS_MAX: usize = 20_000;
/// Small conversations of one user that are compared when another one becomes large: 160 KB of ids. Only a user with more may see a co-member
/// as offline until the co-member's next change.
pub const PRESENCE_CONVERSATIONS_MAX: usize = 10_000;
/// Users in the `presence.state` of one connection. 5,000 entries are 234 KiB of JSON, less than a quarter of [`super::SEND_QUEUE_BYTES_MAX`].
pub const PRESENCE_CO_MEMBERS_MAX: usize = 5_000;
