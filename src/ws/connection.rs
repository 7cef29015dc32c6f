//! A connection's life: who it is, `hello`, what it hears and says, the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::info;

use super::close::{self, End};
use super::handshake::Talk;
use super::socket::Socket;
use super::visit::{self, Visit};
use crate::chat::{Live, Refusal};
use crate::domain::session::Caller;
use crate::domain::{Seq, Timestamp};
use crate::http::Counted;
use crate::http::site::Site;
use crate::limits;
use crate::registry::{Close, Scope};
use crate::wire::frames;

/// What a handshake asked for.
pub(super) struct Wish {
    pub(super) site: Arc<Site>,
    pub(super) scope: Scope,
    pub(super) after_seq: Option<Seq>,
    pub(super) proof: Option<Proof>,
    /// Its place among those whose connection has not begun.
    pub(super) newcomer: Counted,
    /// Its place among those of its address behind a proxy, for as long as it is open.
    pub(super) counted: Option<Counted>,
}

/// How the handshake says who it is.
pub(super) enum Proof {
    /// By an access token.
    Token(String),
    /// By a ticket, which is spent by it.
    Ticket(String),
}

impl Talk for Wish {
    async fn talk(self, socket: &mut Socket) -> End {
        let Self { site, scope, after_seq, proof, newcomer, counted } = self;
        let _held_to_the_end = counted;
        let begun = tokio::select! {
            begun = begin(&site, socket, scope, proof, newcomer) => begun,
            () = site.draining.cancelled() => Err(close::DRAINING.into()),
        };
        match begun {
            Ok((live, caller)) => {
                info!(user_id = %caller.user_id, connection_id = %live.connection.id, "connected");
                live_on(&site, socket, &live, caller, after_seq).await
            }
            Err(end) => end,
        }
    }
}

/// Finds out who it is, and begins the connection.
async fn begin(
    site: &Site,
    socket: &mut Socket,
    scope: Scope,
    proof: Option<Proof>,
    newcomer: Counted,
) -> Result<(Live, Caller), End> {
    let _free_for_others_after_this = newcomer;
    let proof = match proof {
        Some(proof) => proof,
        None => match timeout(limits::AUTH_TIMEOUT, visit::first_token(&mut socket.reader)).await {
            Ok(token) => Proof::Token(token?),
            Err(_) => return Err(close::NO_AUTHENTICATION.into()),
        },
    };
    let heartbeat_ms = u64::try_from(site.heartbeat.as_millis()).unwrap_or(u64::MAX);
    let _turn = site.crowds.turn().await.ok_or(Close::OVERLOADED)?;
    let beginning = async {
        let caller = match proof {
            Proof::Token(token) => site.chat.authenticate(&token).await?,
            Proof::Ticket(ticket) => site.chat.redeem(&ticket).await?,
        };
        let live = site.chat.begin(&caller, scope, Arc::clone(&socket.writer.outbox), heartbeat_ms).await?;
        Ok((live, caller))
    };
    match timeout(limits::ANSWER_TIMEOUT, beginning).await {
        Ok(Ok(begun)) => Ok(begun),
        Ok(Err(Refusal::Close(why))) => Err(why.into()),
        Ok(Err(Refusal::Error(error))) => Err(close::of_refused(&error).into()),
        Err(_) => Err(Close::OVERLOADED.into()),
    }
}

/// Reads, writes and beats until one of them ends.
async fn live_on(site: &Site, socket: &mut Socket, live: &Live, caller: Caller, after_seq: Option<Seq>) -> End {
    let Socket { reader, writer } = socket;
    let (renew, expiry) = watch::channel(caller.expires_at);
    let visit = Visit::new(&site.chat, &live.connection, caller, renew);
    tokio::select! {
        end = visit.run(reader, live.head, after_seq) => end,
        end = writer.run(site.heartbeat, || live.tell_news()) => end,
        end = expire(expiry) => end,
        () = site.draining.cancelled() => {
            writer.outbox.push(frames::draining(spread_ms()));
            // What was admitted is committed and answered before the goodbye; the drain's own time-out bounds this.
            tokio::select! {
                () = visit.all_answered() => {}
                _ = writer.run(site.heartbeat, || {}) => {}
            }
            close::DRAINING.into()
        }
    }
}

/// Returns when the newest token of the connection has expired.
async fn expire(mut expiry: watch::Receiver<Timestamp>) -> End {
    loop {
        let micros = expiry.borrow_and_update().0.saturating_sub(Timestamp::now().0);
        tokio::select! {
            () = sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0))) => return close::TOKEN_EXPIRED.into(),
            renewed = expiry.changed() => if renewed.is_err() { std::future::pending::<()>().await },
        }
    }
}

/// When to come back, different for each client, so that the next node is not stormed.
fn spread_ms() -> u64 {
    const EARLIEST_MS: u64 = 500;
    const SPREAD_MS: u128 = 4_500;
    EARLIEST_MS + u64::try_from(crate::domain::ConnectionId::new().0.as_u128() % SPREAD_MS).unwrap_or(0)
}
