//! Lingering: users are still shown for some time after a connection ended, because most come back at once.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::user::Status;
use crate::domain::{Timestamp, UserId};
use crate::limits;

/// The way in which a user left a connection. It decides how long the user is still shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The client closed the connection, or has no reason to come back.
    Clean,
    /// The connection was lost, or the server asked the client to reconnect.
    Lost,
}

/// The users of connections that ended a moment ago. Bounded by the connections that end within the longest time.
#[derive(Default)]
pub(super) struct Lingering {
    users: HashMap<UserId, Linger>,
    /// The next time at which an entry may expire.
    next: Option<Instant>,
}

/// The times until which a user is shown.
struct Linger {
    online_until: Option<Instant>,
    away_until: Option<Instant>,
    /// The time at which the user's last connection ended.
    ended_at: Timestamp,
}

impl Linger {
    fn until(&self) -> Option<Instant> {
        self.online_until.max(self.away_until)
    }
}

impl Lingering {
    /// Adds a user whose connection with this status has ended, for a time.
    pub(super) fn add(&mut self, user_id: UserId, status: Status, time: Duration, now: Instant) {
        let entry = Linger { online_until: None, away_until: None, ended_at: Timestamp::now() };
        let linger = self.users.entry(user_id).or_insert(entry);
        linger.ended_at = Timestamp::now();
        let until = now + time;
        let slot = if status == Status::Online { &mut linger.online_until } else { &mut linger.away_until };
        *slot = (*slot).max(Some(until));
        self.next = Some(self.next.map_or(until, |next| next.min(until)));
    }

    /// Removes a user who has come back.
    pub(super) fn remove(&mut self, user_id: UserId) -> Option<Timestamp> {
        Some(self.users.remove(&user_id)?.ended_at)
    }

    /// Returns the status with which a user is still shown.
    pub(super) fn status(&self, user_id: UserId, now: Instant) -> Status {
        let Some(linger) = self.users.get(&user_id) else { return Status::Offline };
        let is_until = |until: Option<Instant>| until.is_some_and(|until| until > now);
        if is_until(linger.online_until) {
            Status::Online
        } else if is_until(linger.away_until) {
            Status::Away
        } else {
            Status::Offline
        }
    }

    /// Returns the next time at which a user's status may change.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Returns the users whose status changes by now, and removes those who are no longer shown. They have the time of their end.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(UserId, Option<Timestamp>)> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut changed = Vec::new();
        self.next = None;
        self.users.retain(|user_id, linger| {
            let is_over = linger.until().is_none_or(|until| until <= now);
            if is_over {
                changed.push((*user_id, Some(linger.ended_at)));
                return false;
            }
            if linger.online_until.is_some_and(|until| until <= now) {
                linger.online_until = None;
                changed.push((*user_id, None));
            }
            let slots = [linger.online_until, linger.away_until];
            self.next = slots.into_iter().flatten().filter(|until| *until > now).chain(self.next).min();
            true
        });
        changed
    }

    /// Removes all users, with the times of their ends.
    pub(super) fn take_all(&mut self) -> Vec<(UserId, Timestamp)> {
        self.next = None;
        self.users.drain().map(|(user_id, linger)| (user_id, linger.ended_at)).collect()
    }
}

/// Returns the time for which a user is shown after a departure.
pub(super) fn grace(departure: Departure, times: limits::PresenceTimes) -> Duration {
    match departure {
        Departure::Clean => limits::PRESENCE_DEBOUNCE,
        Departure::Lost => times.lost_grace,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Lingering;
    use crate::domain::UserId;
    use crate::domain::user::Status;

    #[test]
    fn a_user_lingers_by_the_connection_that_lingers_longest() {
        let (mut lingering, ada, start) = (Lingering::default(), UserId::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        lingering.add(ada, Status::Online, Duration::from_secs(2), start);
        lingering.add(ada, Status::Away, Duration::from_secs(9), start);
        lingering.add(ada, Status::Online, Duration::from_secs(1), start);
        assert_eq!([0, 1, 2, 8, 9].map(|seconds| lingering.status(ada, at(seconds))), {
            [Status::Online, Status::Online, Status::Away, Status::Away, Status::Offline]
        });
        assert_eq!(lingering.next(), Some(at(1)));
        assert!(lingering.expire(at(1)).is_empty(), "a longer one goes on");
        assert_eq!(lingering.next(), Some(at(2)));
        assert_eq!(lingering.expire(at(2)), [(ada, None)], "away from now on");
        assert_eq!(lingering.next(), Some(at(9)));
        assert!(matches!(lingering.expire(at(9))[..], [(user_id, Some(_))] if user_id == ada));
        assert_eq!((lingering.next(), lingering.take_all().len()), (None, 0));
    }

    #[test]
    fn a_user_who_comes_back_lingers_no_more() {
        let (mut lingering, ada, now) = (Lingering::default(), UserId::new(), Instant::now());
        lingering.add(ada, Status::Online, Duration::from_secs(2), now);
        assert!(lingering.remove(ada).is_some());
        assert_eq!((lingering.status(ada, now), lingering.remove(ada)), (Status::Offline, None));
    }
}
