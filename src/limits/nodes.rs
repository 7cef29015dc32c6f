//! Nodes of one cluster: the ways between them, their leases, and what they tell each other.

use std::time::Duration;

use super::QUERY_TIMEOUT;

/// Bytes of envelopes that wait for their way to other nodes. A second of the heaviest traffic. Beyond it envelopes are dropped, and the other
/// nodes compare themselves with the store.
pub const OUTBOUND_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Packets of one node by which a packet may be late before it counts as stale. A bus that joins several servers reorders a few, and a node
/// takes packets from its subscriptions to NATS in turn, each with up to [`NATS_WAITING_PACKETS_MAX`].
pub const REPLAY_WINDOW: u64 = 16 * 1024;
/// Keys of other nodes that a node keeps to open their packets: one for each of [`REMOTE_NODES_MAX`], and as many again for nodes that are not alive
/// any more, copies of whose packets are authentic too. 544 bytes each, 1.1 MB. Beyond it all are dropped, and deriving one again takes 0.3 µs.
pub const BUS_KEYS_MAX: usize = 2 * REMOTE_NODES_MAX;
/// Bytes of an envelope that a carrier of small packets may take to pieces. The largest is a frame with an audience of a large group, which is below
/// [`super::FRAME_BYTES_MAX`] and 16 bytes for each of [`super::GROUP_MEMBERS_MAX`].
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
/// Time after which a node with a lease must have been heard over the bus: two leases. A node that was killed has no lease by then, and one that runs
/// says something every five seconds.
pub const PEER_SILENCE_MAX: Duration = LEASE.saturating_mul(2);
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
/// Servers of NATS of which one attempt to connect says in the log why it failed: few clusters have more.
pub const NATS_FAILURES_LOGGED: usize = 5;
/// Time from a node's new subscriptions to its comparison with the store: the servers of a NATS cluster tell each other in a few milliseconds.
pub const NATS_SETTLE_TIME: Duration = Duration::from_millis(250);
/// Time for the answer of NATS by which a node knows that its subscriptions have begun. A connection that brings nothing for longer than three times
/// [`NATS_PING_INTERVAL`] is replaced, so after this time they have begun without an answer too.
pub const NATS_ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

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
/// and no error: it finds the sessions by [`super::ENDED_SESSIONS_POLL`].
pub const SESSIONS_END_WAIT: Duration = Duration::from_millis(500);
/// Sessions in one envelope: 4,000 bytes of ids, which fit a packet of any carrier. A user with more ends them by several.
pub const SESSIONS_PER_ENVELOPE_MAX: usize = 250;
/// Requests whose acknowledgements a node waits for at a time: those of 2,000 logouts a second, if a node never acknowledges. Further answers
/// do not wait.
pub const REQUESTS_ACKNOWLEDGED_MAX: usize = 1_000;

/// The least pause between two comparisons of everything with the store. Within 2 s of the return of a bus all is made up for, and a node that asks all others without
/// end costs the database one comparison of each node in this time.
pub const COMPARISON_PAUSE: Duration = Duration::from_millis(500);
