//! Accounts: registering, logging in, sessions, and who is who.

use std::sync::Arc;

use super::Chat;
use crate::bus::Envelope;
use crate::domain::session::{Caller, Session};
use crate::domain::user::{Name, Password, User, Username, fold};
use crate::domain::{Code, Error, Result, SessionId, Timestamp, UserId};
use crate::limits;

/// What a login or a refresh gives.
pub struct LoggedIn {
    /// For requests.
    pub access_token: String,
    /// For the next refresh.
    pub refresh_token: String,
    /// Who it is.
    pub user: User,
}

/// What somebody wants to change about themselves.
pub struct ProfileChange {
    /// A new name.
    pub name: Option<String>,
    /// A new password.
    pub password: Option<String>,
    /// The present one, needed for a new one.
    pub current_password: Option<String>,
}

impl Chat {
    /// Makes an account. Without a name, the username is the name.
    pub async fn register(&self, username: &str, name: Option<&str>, password: &str) -> Result<User> {
        let username = Username::parse(username)?;
        let name = Name::parse(name.unwrap_or(username.as_str()))?;
        let password = Password::parse(password)?;
        let hash = self.auth.passwords.hash(password).await?;
        let user = User { id: UserId::new(), username, name, created_at: Timestamp::now(), last_seen_at: None };
        self.store.insert_user(&user, &hash).await?;
        Ok(user)
    }

    /// Begins a session. Unknown, wrong and impossible answer the same, in the same time.
    pub async fn login(&self, username: &str, password: String) -> Result<LoggedIn> {
        let known = match Username::parse(username) {
            Ok(username) => self.store.credentials(&username.key()).await?,
            Err(_) => None,
        };
        let (user, hash) = known.unzip();
        let matches = self.auth.passwords.verify(password, hash.clone()).await?;
        let wrong = || Error::new(Code::BadCredentials, "This username and this password do not belong together.");
        let user = user.filter(|_| matches).ok_or_else(wrong)?;
        let now = Timestamp::now();
        let session = Session {
            id: SessionId::new(),
            user_id: user.id,
            generation: 0,
            created_at: now,
            rotated_at: now,
            expires_at: now.plus(self.settings.refresh_ttl),
            ended_at: None,
        };
        self.store.insert_session(&session).await?;
        // A change of password that came meanwhile ended the sessions that it saw; this one it could not see.
        if self.store.password_hash(user.id).await? != hash {
            self.store.end_session(session.id, now).await?;
            return Err(wrong());
        }
        self.logged_in(user, session.id, 0, now)
    }

    fn logged_in(&self, user: User, session: SessionId, generation: i64, now: Timestamp) -> Result<LoggedIn> {
        Ok(LoggedIn {
            access_token: self.auth.tokens.access(user.id, session, now)?,
            refresh_token: self.auth.tokens.refresh(session, generation),
            user,
        })
    }

    /// Continues a session. The newest refresh token makes the next one; the one before it gives the same successor again
    /// for [`limits::REFRESH_GRACE`]; any older one was stolen, or its successor was, and ends the session.
    pub async fn refresh(self: &Arc<Self>, refresh_token: &str) -> Result<LoggedIn> {
        let refused = || Error::new(Code::Unauthorized, "The refresh token is not valid.");
        let (id, generation) = self.auth.tokens.refreshed(refresh_token).ok_or_else(refused)?;
        let now = Timestamp::now();
        let expires_at = now.plus(self.settings.refresh_ttl);
        let rotated = self.store.rotate_session(id, generation, now, expires_at).await?;
        let session = self.store.session(id).await?.ok_or_else(refused)?;
        if !session.is_live(now) {
            return Err(Error::new(Code::SessionEnded, "The session has ended: log in again."));
        }
        let in_grace = session.generation == generation + 1 && session.rotated_at.plus(limits::REFRESH_GRACE) >= now;
        if !rotated && !in_grace {
            self.end_session(id).await?;
            return Err(Error::new(Code::SessionEnded, "This refresh token was used before: the session is ended."));
        }
        let user = self.store.user(session.user_id).await?.ok_or_else(refused)?;
        self.logged_in(user, id, generation + 1, now)
    }

    /// Ends the caller's session, its tokens and its sockets.
    pub async fn logout(self: &Arc<Self>, caller: &Caller) -> Result<()> {
        self.end_session(caller.session_id).await
    }

    async fn end_session(self: &Arc<Self>, id: SessionId) -> Result<()> {
        self.run_to_completion(async move |chat| {
            let ended = chat.store.end_session(id, Timestamp::now()).await;
            // With the outcome unknown its sockets are closed all the same: if it is live, they come back.
            if ended.as_ref().map_or_else(|error| error.code == Code::Unavailable, |()| true) {
                chat.bus.publish(Envelope::SessionsEnded(vec![id]));
            }
            ended
        })
        .await
    }

    /// The caller's other sessions that are connected here.
    fn other_sessions(&self, caller: &Caller) -> Vec<SessionId> {
        let connections = self.registry.of_user(caller.user_id);
        connections.iter().map(|connection| connection.session_id).filter(|id| *id != caller.session_id).collect()
    }

    /// Seconds until a new access token expires.
    pub fn access_token_seconds(&self) -> u64 {
        self.auth.tokens.access_ttl().as_secs()
    }

    /// The caller.
    pub async fn me(&self, caller: &Caller) -> Result<User> {
        self.user(caller.user_id).await
    }

    /// A user; everybody who is logged in may know everybody.
    pub async fn user(&self, id: UserId) -> Result<User> {
        self.store.user(id).await?.ok_or_else(|| Error::not_found("user"))
    }

    /// Users by username, after a folded username; with `prefix` those whose username or name starts with it.
    pub async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        if prefix.is_some_and(|prefix| prefix.contains('\0')) {
            return Err(Error::field("q", "must not contain U+0000"));
        }
        self.store.users(prefix.map(|prefix| fold(prefix.trim())).as_deref(), after, limit).await
    }

    /// Changes the caller's name or password; a new password ends the caller's other sessions.
    pub async fn update_me(self: &Arc<Self>, caller: &Caller, change: ProfileChange) -> Result<User> {
        let name = change.name.as_deref().map(Name::parse).transpose()?;
        let password = change.password.as_deref().map(Password::parse).transpose()?;
        if let Some(password) = password {
            let current = change.current_password.ok_or_else(|| Error::field("current_password", "is missing"))?;
            let hash = self.store.password_hash(caller.user_id).await?;
            if !self.auth.passwords.verify(current, hash).await? {
                return Err(Error::field("current_password", "is not the present password"));
            }
            let (hash, caller) = (self.auth.passwords.hash(password).await?, *caller);
            self.run_to_completion(async move |chat| {
                let now = Timestamp::now();
                let changed = chat.store.change_password(caller.user_id, &hash, caller.session_id, now).await;
                let ended = match &changed {
                    Ok(ended) => ended.clone(),
                    // As with a logout: those that are still live come back.
                    Err(error) if error.code == Code::Unavailable => chat.other_sessions(&caller),
                    Err(_) => Vec::new(),
                };
                chat.bus.publish(Envelope::SessionsEnded(ended));
                changed.map(drop)
            })
            .await?;
        }
        if let Some(name) = name {
            self.store.rename_user(caller.user_id, &name).await?;
        }
        self.me(caller).await
    }
}
