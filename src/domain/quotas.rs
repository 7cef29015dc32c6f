//! Quotas: how many conversations one user makes, in all and of those that nobody asked for.

use std::time::Duration;

use super::{Code, Error, FieldError, Result, Timestamp};
use crate::limits;

/// Microseconds of a day.
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// The quotas of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Conversations that the user has made and that exist.
    pub conversations: i64,
    /// Conversations that the user makes in a day of UTC and in which no other member has the user as a contact.
    pub new_a_day: i64,
}

/// An operator's change of a user's quotas. `None` leaves a quota as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct QuotasChange {
    pub conversations: Option<i64>,
    pub new_a_day: Option<i64>,
}

impl QuotasChange {
    /// Checks one quota of an input.
    pub fn check(field: &'static str, quota: Option<u64>) -> Result<Option<i64>, FieldError> {
        let Some(quota) = quota else { return Ok(None) };
        match i64::try_from(quota) {
            Ok(quota) if quota <= limits::QUOTA_MAX => Ok(Some(quota)),
            _ => Err(FieldError::new(field, format!("takes a number from 0 to {}", limits::QUOTA_MAX))),
        }
    }
}

impl Quotas {
    /// The quotas of a user for whom an operator has set no others.
    pub const DEFAULT: Self =
        Self { conversations: limits::CONVERSATIONS_MADE_MAX, new_a_day: limits::CONVERSATIONS_NEW_A_DAY_MAX };

    /// The quotas as the store keeps them: no number for one that no operator has set.
    pub fn from_stored(conversations: Option<i64>, new_a_day: Option<i64>) -> Self {
        Self {
            conversations: conversations.unwrap_or(Self::DEFAULT.conversations),
            new_a_day: new_a_day.unwrap_or(Self::DEFAULT.new_a_day),
        }
    }
}

/// The conversations that a user has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Those that exist.
    pub conversations: i64,
    /// The last day on which the user made one that counts for [`Quotas::new_a_day`], in days of UTC since 1970.
    pub day: Option<i64>,
    /// Those of that day.
    pub new_that_day: i64,
}

impl Quotas {
    /// Checks that the user may make one more conversation at this time. `is_asked_for`: another member has the user as a contact. Returns the
    /// day and the number of that day to keep, if the conversation counts for it.
    pub fn check(self, made: Made, is_asked_for: bool, at: Timestamp) -> Result<Option<(i64, i64)>> {
        if made.conversations >= self.conversations {
            let detail = format!(
                "You have made {} conversations. Delete some, or ask the operator for a larger quota.",
                made.conversations
            );
            return Err(Error::new(Code::QuotaExceeded, detail));
        }
        if is_asked_for {
            return Ok(None);
        }
        let day = at.0.div_euclid(DAY_MICROS);
        let new_today = if made.day == Some(day) { made.new_that_day } else { 0 };
        if new_today >= self.new_a_day {
            let left = DAY_MICROS - at.0.rem_euclid(DAY_MICROS);
            let detail = "You have begun too many conversations today with people who have not written to you.";
            let wait = Duration::from_micros(u64::try_from(left).unwrap_or_default());
            return Err(Error::new(Code::RateLimited, detail).after(wait));
        }
        Ok(Some((day, new_today + 1)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DAY_MICROS, Made, Quotas};
    use crate::domain::{Code, Timestamp};

    const QUOTAS: Quotas = Quotas { conversations: 5, new_a_day: 2 };
    const NOON: Timestamp = Timestamp(7 * DAY_MICROS + DAY_MICROS / 2);

    fn made(conversations: i64, day: Option<i64>, new_that_day: i64) -> Made {
        Made { conversations, day, new_that_day }
    }

    #[test]
    fn what_nobody_asked_for_counts_by_day() {
        let check = |made, is_asked_for| QUOTAS.check(made, is_asked_for, NOON);
        assert_eq!(check(made(0, None, 0), false), Ok(Some((7, 1))));
        assert_eq!(check(made(1, Some(7), 1), false), Ok(Some((7, 2))));
        assert_eq!(check(made(1, Some(6), 2), false), Ok(Some((7, 1))), "a new day");
        let refused = check(made(2, Some(7), 2), false).expect_err("refused");
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(Duration::from_secs(12 * 3600))));
        assert_eq!(check(made(2, Some(7), 2), true), Ok(None), "one that a contact is in");
        assert_eq!(
            Quotas { new_a_day: 0, ..QUOTAS }.check(made(0, None, 0), false, NOON).expect_err("refused").code,
            Code::RateLimited
        );
    }

    #[test]
    fn all_that_exist_count() {
        assert_eq!(QUOTAS.check(made(4, None, 0), true, NOON), Ok(None));
        for is_asked_for in [true, false] {
            let refused = QUOTAS.check(made(5, None, 0), is_asked_for, NOON).expect_err("refused");
            assert_eq!((refused.code, refused.retry_after), (Code::QuotaExceeded, None));
        }
    }

    #[test]
    fn times_before_1970_have_days_too() {
        let eve = Timestamp(-1);
        assert_eq!(QUOTAS.check(made(0, Some(-1), 1), false, eve), Ok(Some((-1, 2))));
        let refused = QUOTAS.check(made(0, Some(-1), 2), false, eve).expect_err("refused");
        assert_eq!(refused.retry_after, Some(Duration::from_micros(1)));
    }
}
