//! Users, and the values that make one up.

use super::session::Session;
use super::{FieldError, Seq, Timestamp, UserId};

/// Shortest and longest username, in characters (all of them ASCII).
const USERNAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=32;
/// Longest display name, in characters.
const NAME_MAX: usize = 64;
/// Shortest and longest password, in characters of any kind.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// What a person logs in with: 2 to 32 of `A-Za-z0-9._-`, unique whatever its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if USERNAME_LENGTH.contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("username", "takes 2 to 32 letters, digits, dots, hyphens or underscores"))
        }
    }

    /// A username that a store kept, and so was checked before.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// As the person wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared and sorted.
    pub fn key(&self) -> String {
        case_fold(&self.0)
    }
}

/// How texts are compared where case does not matter.
pub fn case_fold(text: &str) -> String {
    text.to_lowercase()
}

/// What others see: 1 to 64 characters, no control characters, not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Checks the form; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let length = text.chars().take(NAME_MAX + 1).count();
        if (1..=NAME_MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("name", "takes 1 to 64 characters, none of them a control character"))
        }
    }

    /// A name that a store kept, and so was checked before.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A new password, as typed: 8 to 256 characters of any kind. Never printed.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Checks the form of a password that is to be set. (One that is only compared is never judged.)
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let length = text.chars().take(PASSWORD_LENGTH.end() + 1).count();
        if PASSWORD_LENGTH.contains(&length) && !text.contains('\0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("password", "takes 8 to 256 characters"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Names them.
    pub id: UserId,
    /// What they log in with.
    pub username: Username,
    /// What others see.
    pub name: Name,
    /// When they registered.
    pub created_at: Timestamp,
    /// When their last connection was lost, if they ever had one.
    pub last_seen_at: Option<Timestamp>,
}

/// What somebody who connects is told first, as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectSnapshot {
    /// Who they are.
    pub user: User,
    /// The number of the newest change to where they belong.
    pub membership_version: i64,
    /// The session by which they come, if there is such a one.
    pub session: Option<Session>,
    /// Of the conversation that was asked for, if they are in it.
    pub conversation: Option<ConversationSnapshot>,
}

/// A conversation as somebody finds it who connects to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationSnapshot {
    /// The newest number.
    pub head: Seq,
    /// Some of those in it.
    pub members: Vec<UserId>,
}

/// Whether somebody is there, as others see it. Derived from live connections, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// At least one connection is open.
    Online,
    /// None is.
    Offline,
}

#[cfg(test)]
mod tests {
    use super::{Name, Password, Username};

    #[test]
    fn usernames_have_a_form() {
        for good in ["ab", "Ada.L-1_x", &"x".repeat(32)] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a b", "ä1", "a\0b", "a/b", &"x".repeat(33)] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Username::parse("AdA").map(|username| username.key()), Ok("ada".to_owned()));
    }

    #[test]
    fn names_are_visible_and_short() {
        assert_eq!(Name::parse("  Ada Lovelace ").map(|name| name.as_str().to_owned()), Ok("Ada Lovelace".to_owned()));
        for bad in ["", "   ", "a\0b", "a\nb", &"x".repeat(65)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Name::parse(&"é".repeat(64)).is_ok(), "characters are counted, not bytes");
    }

    #[test]
    fn passwords_are_judged_by_length_alone() {
        assert!(Password::parse("        ").is_ok());
        assert!(Password::parse("ünïcödé!").is_ok());
        assert!(Password::parse("1234567").is_err());
        assert!(Password::parse(&"x".repeat(257)).is_err());
    }
}
