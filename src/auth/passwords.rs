//! Passwords: hashes them with Argon2id at OWASP's minimum (19 MiB, 2 passes, 1 lane), off the async threads, behind a bounded queue.
//!
//! A hash takes some 30 ms of a core and 19 MiB. So [`limits::HASHES_CONCURRENT_MAX`] hashes run at a time and
//! [`limits::HASHES_WAITING_MAX`] wait, shared fairly by the callers' networks. A call beyond these fails with `busy` at once.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::fair_gate::FairGate;
use crate::domain::password::{Password, normalize};
use crate::domain::{Code, Error, MessageId, Result};
use crate::limits;

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordMatch {
    /// The password is another one.
    No,
    /// The hash is that of the normalized password.
    Normalized,
    /// The hash is that of the password as the client sent it. It can be replaced by one of the normalized password.
    Unnormalized,
}

/// Hashes and compares passwords.
pub struct Passwords {
    gate: FairGate,
    /// The hash of an unknown password, so that an unknown username takes as long as a wrong password.
    decoy: String,
}

impl Passwords {
    /// Hashes a random password, as the decoy.
    pub async fn new() -> Result<Self> {
        let mut passwords = Self {
            gate: FairGate::new(limits::HASHES_CONCURRENT_MAX, limits::HASHES_WAITING_MAX),
            decoy: String::new(),
        };
        passwords.decoy = passwords.run(Ipv4Addr::LOCALHOST.into(), || hash(MessageId::new().0.as_bytes())).await??;
        Ok(passwords)
    }

    /// Returns the hash of a new password, in PHC format. `network` is the caller's.
    pub async fn hash(&self, network: IpAddr, password: Password) -> Result<String> {
        self.run(network, move || hash(password.as_str().as_bytes())).await?
    }

    /// Compares a password with a stored hash. Without one it takes as long and returns `No`.
    ///
    /// Hashes are of the normalized form, except of passwords that were set before version 10 of the schema and not used in a login since. So
    /// a password whose normalized form is another one is compared in both, whether the first matches or not, and whether the user exists
    /// or not. ASCII has only one form.
    pub async fn verify(&self, network: IpAddr, password: String, stored: Option<String>) -> Result<PasswordMatch> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let compared = self.run(network, move || compare(&password, &stored)).await?;
        Ok(if is_known { compared } else { PasswordMatch::No })
    }

    async fn run<R: Send + 'static>(&self, network: IpAddr, work: impl FnOnce() -> R + Send + 'static) -> Result<R> {
        let busy = || Error::new(Code::Busy, "Too many users are logging in. Try again.").after(Duration::from_secs(2));
        let pass = self.gate.enter(network).await.ok_or_else(busy)?;
        let task = tokio::task::spawn_blocking(move || {
            // The work holds the pass and not the request, which may be dropped before the work ends.
            let _pass = pass;
            work()
        });
        task.await.map_err(Error::internal)
    }
}

fn hash(password: &[u8]) -> Result<String> {
    Argon2::default().hash_password(password).map(|hash| hash.to_string()).map_err(Error::internal)
}

fn matches(password: &[u8], stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|stored| Argon2::default().verify_password(password, &stored).is_ok())
}

fn compare(password: &str, stored: &str) -> PasswordMatch {
    let normalized = normalize(password);
    let (as_normalized, as_sent) =
        (matches(normalized.as_bytes(), stored), normalized != password && matches(password.as_bytes(), stored));
    match (as_normalized, as_sent) {
        (true, _) => PasswordMatch::Normalized,
        (false, true) => PasswordMatch::Unnormalized,
        (false, false) => PasswordMatch::No,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{PasswordMatch, Passwords, hash};
    use crate::domain::password::Password;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn only_the_password_of_a_hash_matches() {
        let passwords = Passwords::new().await.expect("a decoy");
        let stored = passwords.hash(HERE, Password::from_login("correct horse".to_owned())).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify =
            |text: &str, stored: Option<&str>| passwords.verify(HERE, text.to_owned(), stored.map(str::to_owned));
        assert_eq!(verify("correct horse", Some(&stored)).await, Ok(PasswordMatch::Normalized));
        assert_eq!(verify("wrong horse", Some(&stored)).await, Ok(PasswordMatch::No));
        assert_eq!(verify("correct horse", None).await, Ok(PasswordMatch::No));
        assert_eq!(verify("correct horse", Some("nonsense")).await, Ok(PasswordMatch::No));
    }

    #[tokio::test]
    async fn a_password_matches_in_each_of_its_forms() {
        let passwords = Passwords::new().await.expect("a decoy");
        let (composed, decomposed) = ("Zo\u{e9} und ich", "Zoe\u{301} und ich");
        let new = passwords.hash(HERE, Password::from_login(decomposed.to_owned())).await.expect("a hash");
        let old = hash(decomposed.as_bytes()).expect("a hash");
        let verify = |text: &str, stored: &str| passwords.verify(HERE, text.to_owned(), Some(stored.to_owned()));
        assert_eq!(verify(composed, &new).await, Ok(PasswordMatch::Normalized));
        assert_eq!(verify(decomposed, &new).await, Ok(PasswordMatch::Normalized));
        assert_eq!(verify(decomposed, &old).await, Ok(PasswordMatch::Unnormalized));
        assert_eq!(verify(composed, &old).await, Ok(PasswordMatch::No), "until the first login re-hashes it");
    }
}
