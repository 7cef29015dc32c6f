//! Authentication: checks passwords, tokens, sessions and tickets. Seals cursors with the same secret.

mod audit;
mod codes;
mod cursor_seal;
mod fair_gate;
mod known_networks;
mod passwords;
mod session_cache;
mod signer;
mod tickets;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use self::signer::Signer;
use crate::domain::session::{Caller, Session};
use crate::domain::{Code, Error, Result, SessionId, Timestamp};
use crate::store::Store;
pub use audit::{Audit, COMMAND_LINE};
pub use codes::{invite_code_hash, new_invite_code, random_code};
pub use cursor_seal::CursorSeal;
pub use passwords::{PasswordMatch, Passwords};
pub use session_cache::SessionCache;
pub use tokens::Tokens;

/// Authenticates callers and checks that their sessions are live.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Auth {
    store: Arc<dyn Store>,
    pub passwords: Passwords,
    pub tokens: Tokens,
    sessions: Arc<SessionCache>,
    /// Seals the cursors of searches for messages.
    pub search_cursors: CursorSeal,
    /// Hashes known networks.
    networks: Signer,
    /// Lifts the bound on a user's unused tickets.
    unlimited: bool,
}

impl Auth {
    /// Signs tokens with `secret`. An access token lives for `access_ttl`. Hashes one password, as a decoy.
    pub async fn new(
        store: Arc<dyn Store>,
        secret: &[u8],
        access_ttl: Duration,
        sessions: Arc<SessionCache>,
        unlimited: bool,
    ) -> Result<Self> {
        let passwords = Passwords::new().await?;
        let tokens = Tokens::new(secret, access_ttl).naming_users(store.is_distributed());
        let search_cursors = CursorSeal::new(secret, "chinwag search cursor v1");
        let networks = Signer::new(secret, "chinwag known networks v1");
        Ok(Self { store, passwords, tokens, sessions, search_cursors, networks, unlimited })
    }

    /// Checks that the caller's session is live. Fails with `session_ended` if it is not. Reads the session from the store at most once per
    /// [`crate::limits::SESSION_CACHE_TTL`].
    pub async fn check_session(&self, caller: &Caller) -> Result<()> {
        let Err(epoch) = self.cached(caller.session_id) else { return Ok(()) };
        let session = self.store.session(caller.session_key()).await?;
        self.check_loaded(caller, session, epoch)
    }

    /// Checks that the caller is an admin. Reads the store each time, because calls of admins are few and a role that was taken away must
    /// not last.
    pub async fn check_operator(&self, caller: &Caller) -> Result<()> {
        let account = self.store.account(caller.user_id).await?;
        if account.is_some_and(|account| account.is_admin && account.disabled_at.is_none()) {
            Ok(())
        } else {
            Err(Error::forbidden("Only admins can do this."))
        }
    }

    /// Returns `Ok` if the session is in the cache. Otherwise returns the epoch of the cache as the error.
    pub fn cached(&self, id: SessionId) -> Result<(), u64> {
        self.sessions.get(id)
    }

    /// Checks a session that was read from the store after the cache returned `epoch`.
    pub fn check_loaded(&self, caller: &Caller, session: Option<Session>, epoch: u64) -> Result<()> {
        let now = Timestamp::now();
        if session.is_none_or(|session| session.user_id != caller.user_id || !session.is_live(now)) {
            return Err(Error::new(Code::SessionEnded, "The session has ended. Log in again."));
        }
        self.sessions.insert(caller.session_id, epoch);
        Ok(())
    }
}
