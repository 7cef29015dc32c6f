//! Operations on sessions: login, refresh, logout, the list of one's own, and tickets.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Chat, Context};
use crate::auth::{Audit, PasswordMatch};
use crate::domain::account::Credentials;
use crate::domain::password::Password;
use crate::domain::session::{Caller, RefreshToken, Session, SessionKey};
use crate::domain::user::{User, Username};
use crate::domain::{Code, Error, Result, SessionId, Timestamp, UserId};
use crate::limits;
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::objects::{SessionObject, TicketObject, TokensObject, UserObject};
use crate::wire::requests::Nothing;
use crate::wire::requests::sessions::{ListSessions, Login, OneSession, Refresh};

/// Starts a session.
pub async fn login(context: Context, input: Login) -> Result<Answer> {
    let Login { username, password } = input;
    let account = Username::parse(&username).map_or_else(|_| username.clone(), |username| username.key());
    let (chat, network) = (&context.chat, context.network);
    let is_known = async {
        let user = find(chat, &username).await?;
        chat.auth.is_known_network(user.map(|known| known.user.id), network).await
    };
    let is_wrong = |error: &Error| error.code == Code::BadCredentials;
    let session = start_session(&context, &username, &password);
    let rate_limits = &chat.rate_limits;
    let answer = rate_limits.limit_password_guesses(network, &account, is_known, is_wrong, session).await?;
    // An office of hundreds logs in from one address.
    rate_limits.refund_account_call(context.network);
    Ok(answer)
}

/// Returns the user of a login. No user has a text that cannot be a username.
async fn find(chat: &Chat, username: &str) -> Result<Option<Credentials>> {
    match Username::parse(username) {
        Ok(username) => chat.store.credentials(&username.key()).await,
        Err(_) => Ok(None),
    }
}

/// Starts a session if username and password match. An unknown username, a text that cannot be a username, and a wrong password get the
/// same error after the same time.
///
/// The first of two logins at once can replace the hash of a password that was hashed before passwords were normalized. The second one then
/// compares again, once.
async fn start_session(context: &Context, username: &str, password: &str) -> Result<Answer> {
    let wrong = || Error::new(Code::BadCredentials, "The username or the password is wrong.");
    let first = try_session(context, username, password, AfterRehash::CompareAgain, wrong).await?;
    match first {
        Some(answer) => Ok(answer),
        None => try_session(context, username, password, AfterRehash::Refuse, wrong).await?.ok_or_else(wrong),
    }
}

/// Tells what a login does if another login has replaced the hash that it compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterRehash {
    CompareAgain,
    Refuse,
}

/// Returns none if the password must be compared again.
async fn try_session(
    context: &Context,
    username: &str,
    password: &str,
    after_rehash: AfterRehash,
    wrong: impl Fn() -> Error,
) -> Result<Option<Answer>> {
    let chat = &context.chat;
    let known = find(chat, username).await?;
    let hash = known.as_ref().map(|known| known.password_hash.clone());
    let compared = chat.auth.passwords.verify(context.network, password.to_owned(), hash).await?;
    let audit = |action, detail| {
        let (user_id, username) = known.as_ref().map(|known| (known.user.id, known.user.username.as_str())).unzip();
        Audit { action, user_id, username, detail, ..context.audit() }
    };
    let refuse = |error: Error| {
        audit("login.failed", Some(error.code.as_str())).log();
        Err(error)
    };
    let Some(known) = known.as_ref().filter(|_| compared != PasswordMatch::No) else { return refuse(wrong()) };
    if known.is_disabled {
        return refuse(Error::new(Code::AccountDisabled, "An operator has disabled this account."));
    }
    let now = Timestamp::now();
    let expires_at = Session::expiry(now, now, chat.settings.refresh_ttl);
    let session = Session { user_agent: context.user_agent.clone(), ..Session::new(known.user.id, now, expires_at) };
    chat.store.insert_session(&session).await?;
    // A user who changed the password meanwhile, or an operator who disabled the user, ended the sessions that existed then. This one did
    // not exist yet.
    let present = find(chat, username).await?.filter(|present| !present.is_disabled);
    if present.as_ref().is_none_or(|present| present.password_hash != known.password_hash) {
        chat.store.end_session(session.key(), now).await?;
        let may_be_rehashed = present.is_some() && compared == PasswordMatch::Unnormalized;
        if may_be_rehashed && after_rehash == AfterRehash::CompareAgain {
            return Ok(None);
        }
        return refuse(wrong());
    }
    Audit { session_id: Some(session.id), ..audit("session.started", None) }.log();
    // The login has succeeded, whatever becomes of what follows. The next one tries again.
    let _ = chat.auth.add_known_network(known.user.id, context.network).await;
    if compared == PasswordMatch::Unnormalized {
        let _ = chat.rehash(context.network, known, password.to_owned()).await;
    }
    tokens(chat, &known.user, session.key(), 0, now).map(Some)
}

/// Continues a session. The newest refresh token returns its successor. The token before it returns the same successor again for
/// [`limits::REFRESH_GRACE`]. An older token ends the session, because it or its successor was stolen.
pub async fn refresh(context: Context, input: Refresh) -> Result<Answer> {
    let chat = &context.chat;
    let refused = || Error::new(Code::Unauthorized, "The refresh token is not valid.");
    let token = chat.auth.tokens.parse_refresh(&input.refresh_token).ok_or_else(refused)?;
    let RefreshToken { session_id: id, generation, user_id } = token;
    chat.rate_limits.charge_refresh(id)?;
    let now = Timestamp::now();
    let found = match user_id {
        Some(user_id) => chat.store.session(SessionKey { user_id, id }).await?,
        None => chat.store.session_by_id(id).await?,
    };
    let mut session = found.ok_or_else(refused)?;
    let key = session.key();
    let expires_at = Session::expiry(session.created_at, now, chat.settings.refresh_ttl);
    if !chat.store.rotate_session(key, generation, now, expires_at).await? {
        session = chat.store.session(key).await?.ok_or_else(refused)?;
        if !session.is_live(now) {
            return Err(Error::new(Code::SessionEnded, "The session has ended. Log in again."));
        }
        let in_grace = session.generation == generation + 1 && session.rotated_at.plus(limits::REFRESH_GRACE) >= now;
        if !in_grace {
            let (user_id, session_id) = (Some(session.user_id), Some(id));
            Audit { action: "refresh_token.replayed", user_id, session_id, ..context.audit() }.log();
            end_session(&context, session.user_id, id).await?;
            return Err(Error::new(
                Code::SessionEnded,
                "The refresh token was used before, so the session has ended. Log in again.",
            ));
        }
    }
    let user = chat.store.user(session.user_id).await?.ok_or_else(refused)?;
    tokens(chat, &user, key, generation + 1, now)
}

fn tokens(chat: &Chat, user: &User, session: SessionKey, generation: i64, now: Timestamp) -> Result<Answer> {
    let tokens = &chat.auth.tokens;
    Answer::ok(&TokensObject {
        access_token: &tokens.access(user.id, session.id, now)?,
        token_type: "bearer",
        expires_in: tokens.access_ttl().as_secs(),
        refresh_token: &tokens.refresh(session, generation),
        user: UserObject::new(user, Some(chat.status(user.id))),
    })
}

/// Ends the caller's session: its tokens are refused from now on and its sockets are closed.
pub async fn logout(context: Context, _: Nothing) -> Result<Answer> {
    let Caller { user_id, session_id, .. } = context.caller()?;
    end_session(&context, user_id, session_id).await?;
    Ok(Answer::no_content())
}

/// Lists the caller's sessions, the latest login first.
pub async fn list(context: Context, input: ListSessions) -> Result<Answer> {
    let ListSessions { cursor, limit } = input;
    let (chat, caller, limit) = (&context.chat, context.caller()?, limit.0);
    let before = cursor::session(cursor.as_deref())?;
    let sessions = chat.store.sessions_of(caller.user_id, Timestamp::now(), before, limit + 1).await?;
    let object = |session| SessionObject::new(session, caller.session_id);
    let cursor = |last: &Session| cursor::after_key(&last.id.to_string());
    Ok(Answer::encoded(list_page(&sessions, limit, context.page_bytes, object, cursor)?))
}

/// Ends one of the caller's sessions, as a logout in that session does.
pub async fn end(context: Context, input: OneSession) -> Result<Answer> {
    if end_session(&context, context.caller()?.user_id, input.session_id).await? {
        Ok(Answer::no_content())
    } else {
        Err(Error::not_found("session"))
    }
}

/// Ends a session of this user, and logs it. Returns false if the user has no such live session.
async fn end_session(context: &Context, user_id: UserId, id: SessionId) -> Result<bool> {
    let ended = context.chat.end_session(user_id, id).await?;
    if ended {
        let (user_id, session_id) = (Some(user_id), Some(id));
        Audit { action: "session.ended", user_id, session_id, ..context.audit() }.log();
    }
    Ok(ended)
}

/// Creates a ticket, which opens one WebSocket.
pub async fn ticket(context: Context, _: Nothing) -> Result<Answer> {
    let ticket = context.chat.auth.create_ticket(&context.caller()?).await?;
    let object = TicketObject { ticket: &ticket, expires_in: limits::TICKET_TTL.as_secs() };
    Ok(Answer { status: 201, ..Answer::ok(&object)? })
}

impl Chat {
    /// Replaces the hash of a password that was hashed before passwords were normalized.
    async fn rehash(&self, network: IpAddr, known: &Credentials, password: String) -> Result<()> {
        let hash = self.auth.passwords.hash(network, Password::from_login(password)).await?;
        self.store.replace_password_hash(known.user.id, &known.password_hash, &hash).await
    }

    /// Ends a session of this user. Returns false if the user has no such live session.
    async fn end_session(self: &Arc<Self>, user_id: UserId, id: SessionId) -> Result<bool> {
        self.run_to_completion(async move |chat| {
            let ended = chat.store.end_session_of(user_id, id, Timestamp::now()).await;
            // If the outcome is unknown, the sockets are closed all the same. If the session is live, its clients reconnect.
            if ended.as_ref().map_or_else(|error| error.code == Code::Unavailable, |ended| *ended) {
                chat.bus.end_sessions(vec![id]).await;
            }
            ended
        })
        .await
    }

    /// Returns the user's sessions that are connected to this node, except one.
    pub(super) fn sessions_here(&self, user_id: UserId, except: Option<SessionId>) -> Vec<SessionId> {
        let connections = self.registry.of_user(user_id);
        connections.iter().map(|connection| connection.session_id).filter(|id| Some(*id) != except).collect()
    }
}
