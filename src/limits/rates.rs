//! How much one user or one network may do: quotas of what is kept, rates of what is done.

use std::time::Duration;

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
/// [`super::SENDS_IN_FLIGHT_MAX`], since a client sends those before it can read the first refusal.
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
