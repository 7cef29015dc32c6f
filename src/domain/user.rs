//! Users and their attributes.

use super::session::Session;
use super::visible::checked_name;
use super::{FieldError, Seq, Timestamp, UserId};

/// Characters of a username, all of them ASCII.
pub(super) const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 2..=32;
/// Usernames that look as if the server, or a whole group, spoke. No new user gets one of them. A user who has one keeps it.
const RESERVED_USERNAMES: [&str; 6] = ["admin", "all", "channel", "everyone", "here", "system"];
/// Characters of a display name.
const NAME_CHARS_MAX: usize = 64;

/// The name with which a user logs in: 2 to 32 of `A-Za-z0-9._-`, unique without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if USERNAME_CHARS.contains(&text.len()) && text.bytes().all(is_username_byte) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("username", "takes 2 to 32 letters, digits, dots, hyphens or underscores"))
        }
    }

    /// Checks the form of a new user's username, and refuses reserved ones: [`RESERVED_USERNAMES`] in any case, and those of dots alone,
    /// which are steps in a path.
    pub fn parse_new(text: &str) -> Result<Self, FieldError> {
        let username = Self::parse(text)?;
        let is_reserved = RESERVED_USERNAMES.contains(&username.key().as_str());
        if is_reserved || text.bytes().all(|byte| byte == b'.') {
            return Err(FieldError::new("username", "is reserved"));
        }
        Ok(username)
    }

    /// Takes a username from a store, which was checked before it was stored.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// Returns the username as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the form by which usernames are compared and sorted.
    pub fn key(&self) -> String {
        case_fold(&self.0)
    }
}

/// Returns true if a username can have this byte.
pub(super) fn is_username_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Returns the form by which texts are compared without regard to case.
pub fn case_fold(text: &str) -> String {
    text.to_lowercase()
}

/// The display name that other users see: 1 to 64 characters, not blank, none that changes the line or the direction of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Checks the form. White space around the name is removed.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        checked_name(text, NAME_CHARS_MAX, "takes 1 to 64 characters").map(Self)
    }

    /// Takes a name from a store, which was checked before it was stored.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct User {
    pub id: UserId,
    pub username: Username,
    pub name: Name,
    pub created_at: Timestamp,
    /// When the user's last connection ended, if they ever had one.
    pub last_seen_at: Option<Timestamp>,
}

/// The facts that a connecting client gets first, read at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ConnectSnapshot {
    pub user: User,
    /// The number of the newest change of the user's memberships.
    pub membership_version: i64,
    /// See [`UserVersions::blocks`].
    pub blocks_version: i64,
    /// True if the user sends read receipts, and so sees those of others.
    pub sends_receipts: bool,
    /// The client's session, if it exists.
    pub session: Option<Session>,
    /// The conversation that the client connects to, if the user is a member.
    pub conversation: Option<ConversationSnapshot>,
}

/// The numbers of the newest changes that concern a user. The bus may lose the news of a change, and nodes compare the numbers with those that they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UserVersions {
    pub user_id: UserId,
    /// Of the user's memberships.
    pub memberships: i64,
    /// Of the blocks between the user and others, as far as they hide presence or show it again.
    pub blocks: i64,
}

/// The facts of a conversation that a client which connects to it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationSnapshot {
    /// The number of the newest event.
    pub head: Seq,
    /// Some of its members.
    pub members: Vec<UserId>,
}

/// A user's presence, as others see it. It is derived from live connections and never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The user has a connection at which they are present.
    Online,
    /// The user has connections, and is away from all of them.
    Away,
    /// The user has no connection.
    Offline,
}

impl Status {
    /// Returns the status of a user who has both: online at one place is online, else away at one is away.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        match (self, other) {
            (Self::Online, _) | (_, Self::Online) => Self::Online,
            (Self::Away, _) | (_, Self::Away) => Self::Away,
            (Self::Offline, Self::Offline) => Self::Offline,
        }
    }
}

/// The users who may begin a conversation with a user, or add them to one. The user decides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContactFrom {
    /// Every user.
    #[default]
    Everyone,
    /// The user's contacts: those to whom they wrote or whom they added.
    Contacts,
    /// No user.
    Nobody,
}

impl ContactFrom {
    /// Returns the name that the API and the stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
            Self::Nobody => "nobody",
        }
    }

    /// The inverse of [`ContactFrom::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Everyone, Self::Contacts, Self::Nobody].into_iter().find(|setting| setting.as_str() == text)
    }
}

/// The settings that a user chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MySettings {
    /// The users who may begin a conversation with the user.
    pub contact_from: ContactFrom,
    /// True if other members see how far the user has read. Without it the user does not see it of others either.
    pub send_receipts: bool,
    /// True if others see when the user was last seen. Otherwise the time is not kept.
    pub show_last_seen: bool,
    /// The time until which the user's clients show no notifications.
    pub do_not_disturb_until: Option<Timestamp>,
}

impl MySettings {
    /// Returns the settings as they are at a time.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { do_not_disturb_until: self.do_not_disturb_until.filter(|until| *until > now), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, Username};

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
    fn some_usernames_are_reserved_for_nobody() {
        for reserved in ["..", "...", "admin", "ADMIN", "System", "all", "Here", "everyone", "CHANNEL"] {
            assert!(Username::parse(reserved).is_ok(), "{reserved}: an account that has it can log in");
            assert!(Username::parse_new(reserved).is_err(), "{reserved}");
        }
        for free in [".a", "--", "__", "admin1", "administrator", "sys.tem", "al"] {
            assert!(Username::parse_new(free).is_ok(), "{free}");
        }
        assert!(Username::parse_new("a").is_err(), "the form is checked too");
    }

    #[test]
    fn names_are_visible_and_short() {
        assert_eq!(Name::parse("  Ada Lovelace ").map(|name| name.as_str().to_owned()), Ok("Ada Lovelace".to_owned()));
        for bad in ["", "   ", "\u{200B}", "a\0b", "a\nb", "a\u{2028}b", "a\u{202E}b", &"x".repeat(65)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Name::parse(&"é".repeat(64)).is_ok(), "characters are counted, not bytes");
    }
}
