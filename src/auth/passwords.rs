//! Passwords: Argon2id at OWASP's minimum (19 MiB, 2 passes, 1 lane), off the async threads, behind a bounded gate.
//!
//! A hash takes some 30 ms of a core and 19 MiB. So only so many run at a time, only so many wait, and whoever comes when
//! all places are taken is told `busy` at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::domain::user::Password;
use crate::domain::{Code, Error, MessageId, Result};
use crate::limits;

/// The gate.
pub struct Passwords {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// A hash of nothing anybody knows, so that an unknown username costs the same time as a wrong password.
    decoy: String,
}

impl Passwords {
    /// An open gate. Hashes once, for the decoy.
    pub async fn new() -> Result<Self> {
        let mut gate = Self {
            running: Arc::new(Semaphore::new(limits::HASHES_CONCURRENT_MAX)),
            places: Arc::new(Semaphore::new(limits::HASHES_CONCURRENT_MAX + limits::HASHES_WAITING_MAX)),
            decoy: String::new(),
        };
        gate.decoy = gate.run(|| hash(MessageId::new().0.as_bytes())).await??;
        Ok(gate)
    }

    /// The hash of a new password, in PHC form.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.run(move || hash(password.as_str().as_bytes())).await?
    }

    /// Whether `password` is the one of `stored`. Without a stored hash it takes as long and says no.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let matches = self.run(move || is_of(password.as_bytes(), &stored)).await?;
        Ok(known && matches)
    }

    async fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Result<R> {
        let busy = || Error::new(Code::Busy, "Too many people log in at the moment.").after(Duration::from_secs(2));
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        let task = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the request, which may be gone before the work is done.
            let _held = (place, turn);
            work()
        });
        task.await.map_err(Error::internal)
    }
}

fn hash(password: &[u8]) -> Result<String> {
    Argon2::default().hash_password(password).map(|hash| hash.to_string()).map_err(Error::internal)
}

/// Whether a hash is this password's.
fn is_of(password: &[u8], stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|stored| Argon2::default().verify_password(password, &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::Passwords;
    use crate::domain::Code;
    use crate::domain::user::Password;
    use crate::limits;

    #[tokio::test]
    async fn a_password_is_recognised_and_nothing_else() {
        let gate = Passwords::new().await.expect("a decoy");
        let stored = gate.hash(Password::parse("correct horse").expect("long enough")).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(gate.verify("correct horse".to_owned(), Some(stored.clone())).await, Ok(true));
        assert_eq!(gate.verify("wrong horse".to_owned(), Some(stored)).await, Ok(false));
        assert_eq!(gate.verify("correct horse".to_owned(), None).await, Ok(false));
        assert_eq!(gate.verify("correct horse".to_owned(), Some("nonsense".to_owned())).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_gate_refuses_at_once() {
        let gate = Passwords::new().await.expect("a decoy");
        let all = u32::try_from(limits::HASHES_CONCURRENT_MAX + limits::HASHES_WAITING_MAX).expect("few");
        let _taken = gate.places.acquire_many(all).await.expect("open");
        assert_eq!(gate.verify(String::new(), None).await.map_err(|error| error.code), Err(Code::Busy));
    }
}
