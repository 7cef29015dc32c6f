//! Notifications: what a member wants to be notified of in a conversation. Clients show the notifications; the server keeps the choice.

use super::{Error, FieldError, RefusedFields, Result, Timestamp};

/// The messages of a conversation of which a member wants to be notified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotificationLevel {
    /// All messages of others.
    #[default]
    All,
    /// Messages that mention the member.
    Mentions,
    /// No messages.
    None,
}

impl NotificationLevel {
    /// Returns the name that the API and the stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::None => "none",
        }
    }

    /// The inverse of [`NotificationLevel::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::All, Self::Mentions, Self::None].into_iter().find(|level| level.as_str() == text)
    }
}

/// A member's choice for one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    /// The level, until the time is over.
    pub level: NotificationLevel,
    /// The time after which the level is [`NotificationLevel::All`] again. `None` for never. The level `all` has none.
    pub until: Option<Timestamp>,
}

impl Notifications {
    /// Checks a choice. A time that is over already is taken: it chooses `all`, as it does a moment later.
    pub fn parse(level: &str, until: Option<&str>) -> Result<Self> {
        let mut refused = RefusedFields::default();
        let level = NotificationLevel::parse(level);
        let level = level.ok_or_else(|| FieldError::new("level", "takes `all`, `mentions` or `none`"));
        let (level, until) = (refused.check(level), refused.check(until.map(|text| time("until", text)).transpose()));
        match (level, until) {
            (Some(NotificationLevel::All), Some(Some(_))) => {
                Err(Error::field("until", "is for `mentions` and `none`: afterwards the level is `all`"))
            }
            (Some(level), Some(until)) => Ok(Self { level, until }),
            _ => Err(refused.into()),
        }
    }

    /// Takes a choice from a store, which keeps no level for `all`. A level of a newer version counts as `all`.
    pub fn from_trusted(level: Option<&str>, until: Option<Timestamp>) -> Self {
        match level.and_then(NotificationLevel::parse) {
            None | Some(NotificationLevel::All) => Self::default(),
            Some(level) => Self { level, until },
        }
    }

    /// Returns the level that stores keep.
    pub fn stored_level(self) -> Option<&'static str> {
        (self.level != NotificationLevel::All).then(|| self.level.as_str())
    }

    /// Returns the choice as it is at a time. Nothing changes in the store when the time of a choice is over.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        if self.until.is_some_and(|until| until <= now) { Self::default() } else { self }
    }
}

/// Reads the time of a field.
pub fn time(field: &'static str, text: &str) -> Result<Timestamp, FieldError> {
    Timestamp::parse(text).ok_or_else(|| FieldError::new(field, "takes a time, as `2026-11-26T15:30:00Z`"))
}

#[cfg(test)]
mod tests {
    use super::{NotificationLevel, Notifications};
    use crate::domain::{Error, Timestamp};

    const NOON: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn a_choice_ends_at_its_time() {
        let until_noon = Notifications { level: NotificationLevel::None, until: Some(NOON) };
        assert_eq!(Notifications::parse("none", Some(&NOON.to_string())), Ok(until_noon));
        assert_eq!(until_noon.at(Timestamp(NOON.0 - 1)), until_noon);
        assert_eq!(until_noon.at(NOON), Notifications::default());
        let for_ever = Notifications { level: NotificationLevel::Mentions, until: None };
        assert_eq!(Notifications::parse("mentions", None).map(|choice| choice.at(Timestamp(i64::MAX))), Ok(for_ever));
    }

    #[test]
    fn wrong_choices_name_their_fields() {
        let fields = |level, until| {
            let Error { fields, .. } = Notifications::parse(level, until).expect_err("it is wrong");
            fields.into_iter().map(|field| field.field.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(fields("some", None), ["level"]);
        assert_eq!(fields("", Some("tomorrow")), ["level", "until"]);
        assert_eq!(fields("none", Some("2026-11-26")), ["until"]);
        assert_eq!(fields("all", Some("2026-11-26T15:30:00Z")), ["until"]);
    }

    #[test]
    fn choices_round_trip_through_a_store() {
        for (level, until) in [("all", None), ("mentions", None), ("none", Some("2026-11-26T15:30:00Z"))] {
            let choice = Notifications::parse(level, until).expect("it is right");
            assert_eq!(Notifications::from_trusted(choice.stored_level(), choice.until), choice);
        }
        assert_eq!(Notifications::from_trusted(Some("replies"), Some(NOON)), Notifications::default());
    }
}
