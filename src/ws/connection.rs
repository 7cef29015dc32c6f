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
use crate::http::site::Site;
use crate::limits;
use crate::registry::Scope;
use crate::wire::frames;

/// What a handshake asked for.
pub(super) struct Wish {
    pub(super) site: Arc<Site>,
    pub(super) scope: Scope,
    pub(super) after_seq: Option<Seq>,
    pub(super) token: Option<String>,
}

impl Talk for Wish {
    async fn talk(self, socket: &mut Socket) -> End {
        let Self { site, scope, after_seq, token } = self;
        let begun = tokio::select! {
            begun = begin(&site, socket, scope, token) => begun,
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
async fn begin(site: &Site, socket: &mut Socket, scope: Scope, token: Option<String>) -> Result<(Live, Caller), End> {
    let token = match token {
        Some(token) => token,
        None => match timeout(limits::AUTH_TIMEOUT, visit::first_token(&mut socket.reader)).await {
            Ok(token) => token?,
            Err(_) => return Err(close::NO_AUTHENTICATION.into()),
        },
    };
    let caller = site.chat.authenticate(&token).await.map_err(|error| close::of_refused(&error))?;
    let heartbeat_ms = u64::try_from(site.heartbeat.as_millis()).unwrap_or(u64::MAX);
    let live = site.chat.begin(&caller, scope, Arc::clone(&socket.writer.outbox), heartbeat_ms).await;
    let live = live.map_err(|refusal| match refusal {
        Refusal::Close(why) => why,
        Refusal::Error(error) => close::of_refused(&error),
    })?;
    Ok((live, caller))
}

/// Reads, writes and beats until one of them ends.
async fn live_on(site: &Site, socket: &mut Socket, live: &Live, caller: Caller, after_seq: Option<Seq>) -> End {
    let Socket { reader, writer } = socket;
    let (renew, expiry) = watch::channel(caller.expires_at);
    let visit = Visit::new(&site.chat, &live.connection, caller, renew);
    tokio::select! {
        end = visit.run(reader, live.head, after_seq) => end,
        end = writer.run(site.heartbeat) => end,
        end = expire(expiry) => end,
        () = site.draining.cancelled() => {
            writer.outbox.push(frames::draining(spread_ms()));
            // What was admitted is committed and answered before the goodbye; the drain's own time-out bounds this.
            tokio::select! {
                () = visit.all_answered() => {}
                _ = writer.run(site.heartbeat) => {}
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
