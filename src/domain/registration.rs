//! Registration: the callers that may create an account, and invitations.

use std::time::Duration;

use super::{FieldError, Timestamp};
use crate::limits;

/// The callers that may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// All callers.
    Open,
    /// Callers with an invitation.
    Invite,
    /// Nobody. Operators create the accounts.
    Closed,
}

impl RegistrationMode {
    /// Returns the name that configuration, API and stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }

    /// Returns the mode with a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Invite, Self::Closed].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// An invitation. Whoever has its code can register.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Invite {
    /// The hash of the code, because the code is a secret.
    pub code_hash: String,
    /// The number of accounts that can still be created with it.
    pub uses: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Invite {
    /// Checks the number of uses and the lifetime of a new invitation.
    pub fn new(code_hash: String, uses: u64, lifetime: Duration, now: Timestamp) -> Result<Self, FieldError> {
        let uses = i64::try_from(uses).ok().filter(|uses| (1..=limits::INVITE_USES_MAX).contains(uses));
        let refused = || FieldError::new("uses", format!("takes a whole number from 1 to {}", limits::INVITE_USES_MAX));
        let uses = uses.ok_or_else(refused)?;
        if lifetime.is_zero() || lifetime > limits::INVITE_TTL_MAX {
            let detail = format!("takes seconds, from 1 to {}", limits::INVITE_TTL_MAX.as_secs());
            return Err(FieldError::new("expires_in", detail));
        }
        Ok(Self { code_hash, uses, created_at: now, expires_at: now.plus(lifetime) })
    }

    /// Returns its bounds for the log, without the code.
    pub fn description(&self) -> String {
        format!("uses: {}, expires_at: {}", self.uses, self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Invite, RegistrationMode};
    use crate::domain::Timestamp;
    use crate::limits;

    #[test]
    fn a_mode_has_a_name() {
        for mode in [RegistrationMode::Open, RegistrationMode::Invite, RegistrationMode::Closed] {
            assert_eq!(RegistrationMode::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(RegistrationMode::parse("Open"), None);
    }

    #[test]
    fn an_invitation_is_bounded() {
        let new = |uses, lifetime| {
            Invite::new(String::new(), uses, lifetime, Timestamp(0)).map(|_| ()).map_err(|error| error.field)
        };
        let second = Duration::from_secs(1);
        for uses in [1, 10_000] {
            assert_eq!(new(uses, second), Ok(()));
            assert_eq!(new(uses, limits::INVITE_TTL_MAX), Ok(()));
        }
        for uses in [0, 10_001, u64::MAX] {
            assert_eq!(new(uses, second), Err("uses".into()), "{uses}");
        }
        for lifetime in [Duration::ZERO, limits::INVITE_TTL_MAX + second, Duration::MAX] {
            assert_eq!(new(1, lifetime), Err("expires_in".into()), "{lifetime:?}");
        }
    }
}
