//! Every bound, with its unit and its reason. Everything without a bound of its own is bounded by one of these.

use std::time::Duration;

// ── Conversations ────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of a message's text. 16 KiB are about five pages, far more than a user types.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Members of a group. A commit's fan-out then stays below about 10,000 writes.
pub const GROUP_MEMBERS_MAX: i64 = 10_000;
/// Members listed in the request that creates a conversation. 1,000 ids are 39 KiB of JSON, within [`BODY_BYTES_MAX`].
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
/// Messages and mentions that are looked at to count the unread ones for each token of [`READS`] that a list of conversations costs besides its own. 100 take
/// SQLite 0.3 ms, as long as 40 messages of a page of history with their texts. A user with a few unread messages pays nothing.
pub const UNREAD_SCANNED_PER_TOKEN: usize = 100;

// ── Nodes ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes of envelopes that wait for their way to other nodes. A second of the heaviest traffic. Beyond it envelopes are dropped, and the other
/// nodes compare themselves with the store.
pub const OUTBOUND_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Packets of one node by which a packet may be late before it counts as stale. A bus that joins several servers reorders a few, and a node
/// takes packets from its subscriptions to NATS in turn, each with up to [`NATS_WAITING_PACKETS_MAX`].
pub const REPLAY_WINDOW: u64 = 16 * 1024;
/// Bytes of an envelope that a carrier of small packets may take to pieces. The largest is a frame with an audience of a large group, which is below
/// [`FRAME_BYTES_MAX`] and 16 bytes for each of [`GROUP_MEMBERS_MAX`].
pub const FRAGMENTED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of envelopes that came in part, of all nodes together. Beyond it all parts are dropped.
pub const FRAGMENTS_BYTES_MAX: usize = 16 * FRAGMENTED_BYTES_MAX;
/// Bytes of a packet that goes by NOTIFY. PostgreSQL takes payloads of less than 8,000 bytes, and four bytes of base64 stand for three.
pub const NOTIFY_PACKET_BYTES_MAX: usize = 5_900;
/// Packets in one statement that notifies: 800 KB of text, which PostgreSQL queues in a few milliseconds.
pub const NOTIFY_BATCH_MAX: usize = 100;
/// Time between two looks at the connection that notifies. A node with peers that sent nothing in this time sends an empty packet.
pub const NOTIFY_BEAT: Duration = Duration::from_secs(1);
/// A node whose own packets do not come back for this long opens a new connection: three beats, so that a single slow one does no harm.
pub const NOTIFY_ECHO_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest pause before a node that lost its connection for notifications opens another. Each pause is random between a half and the whole of it, so
/// that the nodes do not connect all at once.
pub const NOTIFY_RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// Time after which a node that was not renewed is dead to the others, by the clock of the database. They see it at their next renewal, so a killed
/// node is gone after 16 s, and three renewals in a row must fail before a living one is.
pub const LEASE: Duration = Duration::from_secs(12);
/// Time between two renewals of a lease, each of which reads the leases of the other nodes.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(4);
/// Shortest time between two looks at the leases. Packets of unknown nodes cause at most two a second, however many come.
pub const LEASE_LOOK_PAUSE: Duration = Duration::from_millis(500);
/// Shortest time between two challenges to a peer that sends packets and no response. Copies of old packets cause at most four a second.
pub const NODE_CHALLENGE_PAUSE: Duration = Duration::from_millis(250);
/// Time after which a node must have been seen by a node that it sees: a renewal, and the time that it may take.
pub const PEERS_SETTLED: Duration = LEASE_RENEWAL.saturating_add(QUERY_TIMEOUT);
/// Time for which the row of a dead node stays, for the operator who looks.
pub const DEAD_NODE_KEPT: Duration = Duration::from_secs(600);
/// Packets of nodes that this one has not met yet from which on the log says so: a node that joins busy ones gets thousands for a moment.
pub const EXPECTED_PACKETS_MAX: u64 = 10_000;
/// Difference between a node's clock and the store's beyond which the node says so: what nodes ask the store for since a time reaches back by a minute.
pub const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(60);
/// Time in which a node that ends sends what waits for the other nodes.
pub const NODE_END_TIMEOUT: Duration = Duration::from_secs(1);
/// Shards over which a new cluster spreads conversations and users on NATS.
pub const SHARDS: i32 = 4_096;
/// Shards of which one envelope goes to each by itself. One for more users goes to all nodes: a thousand packets cost more than one that some
/// nodes do not need.
pub const SHARDS_PER_ENVELOPE_MAX: usize = 16;
/// Bytes of a packet on NATS, if the server takes as many: the longest message, escaped, twice. Larger envelopes are split, or go as heads.
pub const NATS_PACKET_BYTES_MAX: usize = 256 * 1024;
/// Packets that wait in the client of NATS, 4 MiB. Beyond, envelopes wait in [`OUTBOUND_BYTES_MAX`].
pub const NATS_SENDING_PACKETS_MAX: usize = 16;
/// Packets of a subscription that wait in the client. A task that does nothing else moves them to [`NATS_INBOUND_BYTES_MAX`]. It runs between two turns
/// of the client, which reads at most 8 MiB in one: tokio ends it after 128 reads, and the client's buffer has 64 KiB. These are for such a turn.
/// Beyond, the client drops packets, and the node compares itself with the store.
pub const NATS_WAITING_PACKETS_MAX: usize = 1_024;
/// Bytes of packets that NATS brought and that wait for this node: a second of the heaviest traffic, as in [`OUTBOUND_BYTES_MAX`]. Beyond, packets are
/// dropped until the queue is empty, and the node compares itself with the store.
pub const NATS_INBOUND_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Subscriptions of a node to single shards, an eighth of [`SHARDS`]. A node that needs more has one subscription to all: each takes 6 KiB in
/// the client, and it would get most of the traffic anyway.
pub const NATS_SUBSCRIPTIONS_MAX: usize = 512;
/// Other nodes up to which a node sends everything to all of them, in few packets. With more, what a node opens for nothing outgrows what a packet
/// of its own costs each envelope: docs/performance.md has both.
pub const NATS_UNDIVIDED_PEERS_MAX: usize = 4;
/// Subscriptions to shards that a node keeps although it needs them no more. Clients that come and go cost no subscriptions then.
pub const NATS_SPARE_SUBSCRIPTIONS_MAX: usize = 64;
/// Bytes of a file of credentials for NATS: a JWT of a user with many permissions has some thousands. A longer file is another one.
pub const NATS_CREDENTIALS_BYTES_MAX: u64 = 64 * 1024;
/// Time between two pings to NATS. After two that are not answered, the client connects anew.
pub const NATS_PING_INTERVAL: Duration = Duration::from_secs(2);
/// Time in which NATS must answer a new connection.
pub const NATS_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between two attempts to connect to NATS. Nodes catch up within 2 s of its return.
pub const NATS_RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Time from a node's new subscriptions to its comparison with the store: the servers of a NATS cluster tell each other in a few milliseconds.
pub const NATS_SETTLE_TIME: Duration = Duration::from_millis(250);
/// Time in which a node's packet to itself comes back from NATS. The next one is sent then.
pub const NATS_ECHO_TIMEOUT: Duration = Duration::from_secs(3);

/// The times by which nodes agree on the presence of users.
#[derive(Clone, Copy, Debug)]
pub struct PresenceTimes {
    /// Time for which a user is still shown after a connection was lost, or closed by a node that drains: their client reconnects meanwhile, to
    /// this node or to another one. A phone that changes its network needs some seconds.
    pub lost_grace: Duration,
    /// Time between two beats of a node, by which the others know that it is alive.
    pub beat: Duration,
    /// Time after which a node is gone from which nothing was heard. Three beats may be lost, and the users of a killed node are offline within
    /// 30 s.
    pub lease: Duration,
}
/// The times of presence.
pub const PRESENCE_TIMES: PresenceTimes =
    PresenceTimes { lost_grace: Duration::from_secs(15), beat: Duration::from_secs(5), lease: Duration::from_secs(20) };
/// Bytes of users in one envelope about presence. It fits into a NOTIFY, whose payload is less than 8,000 bytes of base64: 5,999 bytes.
pub const PRESENCE_PART_BYTES: usize = 5_000;
/// Conversations that a node names with a change of a user's presence, so that the others need not ask the store who sees it. A user with more
/// is looked up by each node. 64 ids are 1 KiB.
pub const PRESENCE_CONVERSATIONS_TOLD_MAX: usize = 64;
/// Users whose conversations a node reads at a time to name them. All users of a node that has ended come at once. For a hundred of them the
/// answer is at most 6,500 pairs of ids, 208 KB.
pub const PRESENCE_TOLD_AT_ONCE: usize = 100;
/// Looks of a node at the others in each [`PresenceTimes::beat`]. An envelope may be late by one before the state is asked for.
pub const PRESENCE_LOOKS_PER_BEAT: u32 = 5;
/// Time after the start of a node in which a new connection waits for the presence at the other nodes, so that its client does not show all as
/// offline for a moment. They answer within two looks.
pub const PRESENCE_SETTLE_MAX: Duration = Duration::from_secs(3);
/// Users whose viewers are looked up one by one, however few viewers there are. More of them, as those of a whole node, are announced by a new
/// `presence.state` for each connection, if that asks the store less.
pub const PRESENCE_LOOKED_UP_MAX: usize = 500;
/// Time for which a node that is not alone keeps the number of members of a large conversation who are online: counting them reads 20 pages of the
/// greatest group.
pub const ONLINE_COUNT_KEPT: Duration = Duration::from_secs(10);
/// Conversations of which it keeps the number: 32 KB.
pub const ONLINE_COUNTS_MAX: usize = 1_000;
/// Users whose changes of presence wait together with the ids of their conversations: 10 MiB of ids. Those of further users are read from the
/// store.
pub const PRESENCE_CONVERSATIONS_KEPT_MAX: usize = 10_000;
/// Users of all other nodes together of whom a node knows the presence. An entry takes about 40 bytes, and as many where it is announced: 80 MB.
/// Further users are shown as offline.
pub const REMOTE_USERS_MAX: usize = 1_000_000;
/// Other nodes of which a node knows the presence. Only nodes with a lease in the store are heard.
pub const REMOTE_NODES_MAX: usize = 1_000;
/// Envelopes about a node's presence that wait for an earlier one, at most [`PRESENCE_PART_BYTES`] each. The node's state makes up for further ones.
pub const PRESENCE_EARLY_MAX: usize = 64;
/// Time by which a change on another node waits for others before it is announced. Envelopes that overtook each other are in order by then.
pub const PRESENCE_REMOTE_DEBOUNCE: Duration = Duration::from_millis(100);
/// Time that an answer which ends sessions waits for the acknowledgements of the other nodes. A node that is paused or cut off costs this much
/// and no error: it finds the sessions by [`ENDED_SESSIONS_POLL`].
pub const SESSIONS_END_WAIT: Duration = Duration::from_millis(500);
/// Sessions in one envelope: 4,000 bytes of ids, which fit a packet of any carrier. A user with more ends them by several.
pub const SESSIONS_PER_ENVELOPE_MAX: usize = 250;
/// Requests whose acknowledgements a node waits for at a time: those of 2,000 logouts a second, if a node never acknowledges. Further answers
/// do not wait.
pub const REQUESTS_ACKNOWLEDGED_MAX: usize = 1_000;

/// The least pause between two comparisons of everything with the store. Within 2 s of the return of a bus all is made up for, and a node that asks all others without
/// end costs the database one comparison of each node in this time.
pub const COMPARISON_PAUSE: Duration = Duration::from_millis(500);

// ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Items of a page if the client gives no `limit`.
pub const PAGE_DEFAULT: usize = 50;
/// Items of a page. The store reads as many rows, and one more: 3.2 MiB of the longest texts.
pub const PAGE_MAX: usize = 200;
/// Bytes of an encoded page over HTTP: 200 messages of 5 KiB. The longest text takes 98 KiB when every character is escaped, and 200 of them
/// would take 19 MiB. Over WebSocket, a page has at most [`REPLY_BYTES_MAX`].
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
/// Memberships that are read to find a user's co-members: those of 100 conversations of [`SMALL_CONVERSATION_MEMBERS_MAX`] members. Somebody with many
/// conversations of the same people would read them all for each of their connections.
pub const CO_MEMBER_ROWS_MAX: usize = 20_000;
/// Small conversations of one user that are compared when another one becomes large: 160 KB of ids. Only a user with more may see a co-member
/// as offline until the co-member's next change.
pub const PRESENCE_CONVERSATIONS_MAX: usize = 10_000;
/// Users in the `presence.state` of one connection. 5,000 entries are 234 KiB of JSON, less than a quarter of [`SEND_QUEUE_BYTES_MAX`].
pub const PRESENCE_CO_MEMBERS_MAX: usize = 5_000;

// ── Memory ──────────────────────────────────────────────────────────────────────────────────────────────────

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
/// [`HEAD_BYTES_MAX`] of a head for each of at most [`SOCKETS_MAX`] sockets. The kernel keeps bytes that a peer does not acknowledge:
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
/// Time in which PostgreSQL must answer one statement or one batch. Shorter than [`WRITE_TIMEOUT`] and [`ANSWER_TIMEOUT`], so that a
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

// ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────

/// KiB that Argon2 takes for one password: OWASP's minimum, with which all stored hashes are made.
pub const HASH_KIB: u32 = 19_456;
/// Passwords that are hashed or compared at a time. Each takes a core and [`HASH_KIB`].
pub const HASHES_CONCURRENT_MAX: usize = 2;
/// Requests that wait to hash or compare their password. At 30 ms each, the last one waits about 1 s.
pub const HASHES_WAITING_MAX: usize = 64;
/// Time for which a refresh token can be used again while its successor is unused: two tabs may refresh at once, and an answer may be lost.
pub const REFRESH_GRACE: Duration = Duration::from_secs(30);
/// Age at which a session ends however often it is refreshed, so that a device that was lost long ago does not stay logged in. It is the
/// longest lifetime of an unused refresh token that an operator can configure.
pub const SESSION_AGE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Conversations of a user up to which a distributed database is asked for them by name, so that only their shards answer. It has some tens of shards, so that
/// with more conversations nearly all would answer anyway.
pub const FEW_CONVERSATIONS_MAX: usize = 200;
/// Expired sessions deleted with each new one. It is more than one, so that a backlog of them ends, and few enough to be quick.
pub const SESSIONS_SWEPT: i64 = 100;
/// Characters kept of a client's `User-Agent`: browsers send about 120.
pub const USER_AGENT_CHARS_MAX: usize = 200;
/// Live sessions of one user. A login beyond ends the oldest, so that all of them can be ended in one statement.
pub const SESSIONS_PER_USER_MAX: i64 = 100;
/// Time for which a ticket can be used: as long as a slow handshake takes, and shorter than addresses stay in logs and histories.
pub const TICKET_TTL: Duration = Duration::from_secs(30);
/// Unused tickets of one user: one for each connection that the user may have.
pub const TICKETS_PER_USER_MAX: i64 = 50;
/// Expired tickets deleted with each new one. It is more than one, so that a backlog of them ends.
pub const TICKETS_SWEPT: i64 = 100;
/// Time between two questions for sessions that ended elsewhere. A session's sockets are closed on every node within 5 s of its end,
/// also if the bus lost it, or if it was ended in the database beside the servers.
pub const ENDED_SESSIONS_POLL: Duration = Duration::from_secs(2);
/// Age of the ends that a node asks for, since the clocks of machines differ. A node finds older ends once a heartbeat.
pub const ENDED_SESSIONS_WINDOW: Duration = Duration::from_secs(60);
/// Pages of [`RECONCILE_PAGE`] ended sessions that a node reads each time: 100,000 sessions, which are 1.6 MiB of ids. A node finds further ones
/// once a heartbeat.
pub const ENDED_SESSIONS_PAGES_MAX: usize = 200;
/// Time between two looks for deleted users who are still in groups. Also how soon their departure is visible.
pub const DEPARTURES_POLL: Duration = Duration::from_secs(2);
/// Age at which the departure of a deleted user is over. A write that was admitted before the deletion is committed or refused by then, so
/// that none can add the user to a group any more.
pub const DEPARTURE_AGE: Duration = Duration::from_secs(30);
/// Departures, and memberships of one of them, that a node takes up at a time, so that the writes of users pass between.
pub const DEPARTURES_AT_ONCE_MAX: usize = 100;
/// Steps of [`SWEPT_ROWS`] in which a node sweeps one deleted user before the next one has their turn: a second.
pub const DEPARTURE_SWEEPS_MAX: usize = 50;
/// Accounts that can be created with one invitation: a large organisation that invites all its members at once.
pub const INVITE_USES_MAX: i64 = 10_000;
/// Lifetime of an invitation if the operator gives none: a week, since the invited may be on holiday.
pub const INVITE_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Lifetime of an invitation. A longer one would be forgotten, and still open the door.
pub const INVITE_TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Expired invitations deleted with each new one. It is more than one, so that a backlog of them ends.
pub const INVITES_SWEPT: i64 = 100;
/// Characters of the reason of a report: a paragraph.
pub const REPORT_REASON_CHARS_MAX: usize = 1_000;
/// Reports of a page. A report has a reason besides a text, so a page has fewer than [`PAGE_MAX`] of them, and its rows take no more memory than
/// those of a page of messages.
pub const REPORTS_PAGE_MAX: usize = 160;
/// Reports that no operator has settled yet. With the longest texts and reasons they take 200 MiB in the store. Reports that arrive at the
/// same time may exceed it by as many.
pub const REPORTS_MAX: i64 = 10_000;
/// The same of one member: a hundredth, so that few users cannot keep all others from reporting.
pub const REPORTS_PER_USER_MAX: i64 = REPORTS_MAX / 100;
/// Time after which a member should report again when there is no room. Operators are people.
pub const REPORTS_RETRY: Duration = Duration::from_secs(3_600);
/// Time for which a settled report and its copy of a text are kept, so that operators see what they decided lately.
pub const REPORT_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Reports that are deleted at a time. The longest texts and reasons are 2 MiB.
pub const REPORTS_SWEPT: usize = 100;
/// Time between two looks for messages that operators removed elsewhere. A removal is delivered on every node within 5 s, also if the bus lost
/// it, or if it was made in the database beside the servers.
pub const REMOVALS_POLL: Duration = Duration::from_secs(2);
/// Age of the removals that a node asks for, since the clocks of machines differ. A node finds older ones once a heartbeat.
pub const REMOVALS_WINDOW: Duration = Duration::from_secs(60);
/// Removals in one answer of the store. An operator, or a script of theirs, removes fewer in [`REMOVALS_WINDOW`]; a node finds the others
/// once a heartbeat.
pub const REMOVALS_POLLED_MAX: usize = 10_000;
/// Time for which a removal is remembered: longer than [`REMOVALS_WINDOW`] and any drift of clocks.
pub const REMOVAL_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Removals that are forgotten at a time.
pub const REMOVALS_SWEPT: usize = 1_000;
/// Users whom one user blocks: more than anybody knows who is harassed, and few enough to count at each block.
pub const BLOCKS_PER_USER_MAX: i64 = 1_000;
/// Time for which a node trusts that a session is live without asking the store. A session that ends on the same node ends at once.
pub const SESSION_CACHE_TTL: Duration = Duration::from_secs(5);
/// Sessions in the cache of live sessions. A full cache evicts the entries that have expired, and takes no others while it is full.
pub const SESSION_CACHE_MAX: usize = 100_000;

// ── Quotas ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Conversations that one user has made and that exist: more than a user makes in years, and few enough that the listeners of all of them cost
/// little.
pub const CONVERSATIONS_MADE_MAX: i64 = 5_000;
/// Conversations that one user begins in a day of UTC with nobody who knows the user: more than a user who introduces a team, and few enough
/// to be a nuisance to few.
pub const CONVERSATIONS_NEW_A_DAY_MAX: i64 = 200;
/// The greatest quota that an operator can give. A new conversation counts those of its creator, which takes 10 ms for as many.
pub const QUOTA_MAX: i64 = 100_000;

// ── Rates ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Logins and registrations of one address. Each hashes a password.
pub const ACCOUNT_CALLS: Rate = Rate { burst: 30, per_minute: 30 };
/// The same for an IPv6 network of 56 bits, as one household may get: twice as many as for one of 64 bits. Right logins cost nothing, so this
/// bounds registrations and guesses.
pub const ACCOUNT_CALLS_OF_56_BITS: Rate = Rate { burst: 60, per_minute: 60 };
/// The same for an IPv6 network of 48 bits, as one site may get: four times as many.
pub const ACCOUNT_CALLS_OF_48_BITS: Rate = Rate { burst: 120, per_minute: 120 };
/// Wrong passwords for one username from all networks in which its user has not logged in: after 20, one in 30 s. Somebody who has many
/// addresses tries 2,900 passwords a day, which the commonest ones that are refused leave without hope.
pub const LOGIN_FAILURES_ELSEWHERE: Rate = Rate { burst: 20, per_minute: 2 };
/// Time for which a network stays known after a login from there: longer than a holiday or a quarter of the year.
pub const KNOWN_NETWORK_AGE: Duration = Duration::from_secs(90 * 24 * 3600);
/// Known networks of one user: a traveller's of 90 days, one for each day and some more. The oldest go first.
pub const KNOWN_NETWORKS_MAX: i64 = 100;
/// Expired known networks deleted with each login. It is more than one, so that a backlog of them ends.
pub const KNOWN_NETWORKS_SWEPT: i64 = 100;
/// Wrong passwords for one username, against guessing.
pub const LOGIN_FAILURES: Rate = Rate { burst: 10, per_minute: 5 };
/// Numbered writes (sends, and changes of messages, members and names) of one user over all transports of a node. The burst covers what one
/// connection may have in flight, and about as much for a second one. The rate is 50 a second: no user types as much, and few bots need it.
pub const WRITES: Rate = Rate { burst: 500, per_minute: 3_000 };
/// Reads of one user, in tokens: 1 for an object, 5 for a page. A page of the browser reads about ten objects and three pages at its start. A
/// program that walks through a long history reads 40 pages a second, which are 8,000 messages.
pub const READS: Rate = Rate { burst: 2_000, per_minute: 12_000 };
/// Receipts of one user, and other frames that no message depends on: a device that acknowledges one message after the other in busy rooms
/// needs fewer. A bucket of its own, so that reading costs nobody a send.
pub const RECEIPTS: Rate = Rate { burst: 1_000, per_minute: 6_000 };
/// Reactions of one user: thirty at once, for a thread that is read through, and one a second. Each goes to all members and changes the row of
/// its message.
pub const REACTIONS: Rate = Rate { burst: 30, per_minute: 60 };
/// Refreshes of one session: one in 10 s, and 50 at once for the tabs of a browser that wakes up. Each is a commit of its own.
pub const REFRESHES: Rate = Rate { burst: 50, per_minute: 6 };
/// Members of the conversations that one user creates. The burst is two of the largest groups. Each member is two rows in the transaction that
/// creates the group, and the rate keeps all of them below a tenth of what SQLite writes.
pub const NEW_MEMBERS: Rate = Rate { burst: 2_000, per_minute: 1_200 };
/// Reports of one user: twenty at once, for a flood of abuse that somebody meets, and one a minute.
pub const REPORTS: Rate = Rate { burst: 20, per_minute: 1 };
/// Writes of one connection that are refused for their rate before it is closed with 4029. The burst is larger than
/// [`SENDS_IN_FLIGHT_MAX`], since a client sends those before it can read the first refusal.
pub const WRITES_REFUSED: Rate = Rate { burst: 500, per_minute: 600 };
/// Keys in one rate limiter. A full limiter evicts the keys whose buckets are full again. Bounds its memory.
pub const RATE_KEYS_MAX: usize = 50_000;
/// Time between two such evictions, since each looks at every bucket.
pub const RATE_SWEEP: Duration = Duration::from_secs(1);

/// The size and the refill rate of a token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tokens of a full bucket: as many can be taken at once.
    pub burst: u32,
    /// Tokens that the bucket regains each minute.
    pub per_minute: u32,
}
