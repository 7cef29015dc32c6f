//! Passwords: hashes them with Argon2id at OWASP's minimum (19 MiB, 2 passes, 1 lane), off the async threads, behind a bounded queue.
//!
//! A hash takes some 30 ms of a core and 19 MiB. So [`limits::HASHES_CONCURRENT_MAX`] hashes run at a time and
//! [`limits::HASHES_WAITING_MAX`] wait. A call beyond these fails with `busy` at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::domain::user::Password;
use crate::domain::{Code, Error, MessageId, Result};
use crate::limits;

/// Hashes and compares passwords.
pub struct Passwords {
    running: Arc<Semaphore>,
    /// Permits of calls that run or wait.
    admitted: Arc<Semaphore>,
    /// The hash of an unknown password, so that an unknown username takes as long as a wrong password.
    decoy: String,
}

impl Passwords {
    /// Hashes a random password, as the decoy.
    pub async fn new() -> Result<Self> {
        let mut passwords = Self {
            running: Arc::new(Semaphore::new(limits::HASHES_CONCURRENT_MAX)),
            admitted: Arc::new(Semaphore::new(limits::HASHES_CONCURRENT_MAX + limits::HASHES_WAITING_MAX)),
            decoy: String::new(),
        };
        passwords.decoy = passwords.run(|| hash(MessageId::new().0.as_bytes())).await??;
        Ok(passwords)
    }

    /// Returns the hash of a new password, in PHC format.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.run(move || hash(password.as_str().as_bytes())).await?
    }

    /// Returns true if `stored` is a hash of `password`. Without a stored hash it takes as long and returns false.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let matches = self.run(move || matches(password.as_bytes(), &stored)).await?;
        Ok(is_known && matches)
    }

    async fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Result<R> {
        let busy = || Error::new(Code::Busy, "Too many users are logging in. Try again.").after(Duration::from_secs(2));
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| busy())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        let task = tokio::task::spawn_blocking(move || {
            // The work holds the permits and not the request, which may be dropped before the work ends.
            let _permits = (admitted, running);
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

#[cfg(test)]
mod tests {
    use super::Passwords;
    use crate::domain::Code;
    use crate::domain::user::Password;
    use crate::limits;

    #[tokio::test]
    async fn only_the_password_of_a_hash_matches() {
        let passwords = Passwords::new().await.expect("a decoy");
        let stored = passwords.hash(Password::parse("correct horse").expect("long enough")).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(passwords.verify("correct horse".to_owned(), Some(stored.clone())).await, Ok(true));
        assert_eq!(passwords.verify("wrong horse".to_owned(), Some(stored)).await, Ok(false));
        assert_eq!(passwords.verify("correct horse".to_owned(), None).await, Ok(false));
        assert_eq!(passwords.verify("correct horse".to_owned(), Some("nonsense".to_owned())).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let passwords = Passwords::new().await.expect("a decoy");
        let all = u32::try_from(limits::HASHES_CONCURRENT_MAX + limits::HASHES_WAITING_MAX).expect("few");
        let _taken = passwords.admitted.acquire_many(all).await.expect("open");
        assert_eq!(passwords.verify(String::new(), None).await.map_err(|error| error.code), Err(Code::Busy));
    }
}
