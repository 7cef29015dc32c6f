//! Passwords, sessions, tickets, invitations, reports and blocks.

use std::time::Duration;

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
/// Pages of [`super::RECONCILE_PAGE`] ended sessions that a node reads each time: 100,000 sessions, which are 1.6 MiB of ids. A node finds further ones
/// once a heartbeat.
pub const ENDED_SESSIONS_PAGES_MAX: usize = 200;
/// Time between two looks for deleted users who are still in groups. Also how soon their departure is visible.
pub const DEPARTURES_POLL: Duration = Duration::from_secs(2);
/// Age at which the departure of a deleted user is over. A write that was admitted before the deletion is committed or refused by then, so
/// that none can add the user to a group any more.
pub const DEPARTURE_AGE: Duration = Duration::from_secs(30);
/// Departures, and memberships of one of them, that a node takes up at a time, so that the writes of users pass between.
pub const DEPARTURES_AT_ONCE_MAX: usize = 100;
/// Steps of [`super::SWEPT_ROWS`] in which a node sweeps one deleted user before the next one has their turn: a second.
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
/// Reports of a page. A report has a reason besides a text, so a page has fewer than [`super::PAGE_MAX`] of them, and its rows take no more memory than
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
