//! A connection's life: who it is, `hello`, what it hears and says, the end.

use std::sync::Arc;

use tokio::time::timeout;
use tracing::info;

use super::close::{self, End};
use super::handshake::Talk;
use super::lease::Lease;
use super::socket::Socket;
use super::visit::{self, Visit};
use crate::chat::{Live, Refusal};
use crate::domain::Seq;
use crate::domain::session::Caller;
use crate::http::Counted;
use crate::http::site::Site;
use crate::limits;
use crate::registry::{Close, Scope};
use crate::wire::frames;

/// What a handshake asked for.
pub(super) struct Wish {
    pub(super) site: Arc<Site>,
    pub(super) request_id: Arc<str>,
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

/// A connection that has begun.
struct Life {
    site: Arc<Site>,
    live: Live,
    lease: Lease,
    caller: Caller,
    after_seq: Option<Seq>,
    /// Held to the end.
    _counted: Option<Counted>,
}

impl Talk for Wish {
    /// Each stage has a box of its own, which goes with it: what lives long takes no more memory than it needs.
    #[allow(clippy::manual_async_fn)] // an `async fn` keeps its arguments twice
    fn talk(self: Box<Self>, socket: &mut Socket) -> impl Future<Output = End> + Send {
        async move {
            let life = match Box::pin(self.begin(socket)).await {
                Ok(life) => life,
                Err(end) => return end,
            };
            let end = Box::pin(life.run(socket)).await;
            info!(connection_id = %life.live.connection.id, ?end, "connection ended");
            end
        }
    }
}

impl Wish {
    /// Finds out who it is, and begins the connection.
    async fn begin(self: Box<Self>, socket: &mut Socket) -> Result<Box<Life>, End> {
        let Self { site, request_id, scope, after_seq, proof, newcomer, counted } = *self;
        let begun = tokio::select! {
            begun = begin(&site, socket, scope, proof, newcomer) => begun,
            () = site.draining.cancelled() => Err(close::DRAINING.into()),
        };
        let (live, caller) = begun.inspect_err(|end| match end {
            End::Close(why) => info!(%request_id, ?why, "connection refused"),
            End::Closed | End::Broken => info!(%request_id, ?end, "connection ended before it began"),
        })?;
        info!(%request_id, user_id = %caller.user_id, connection_id = %live.connection.id, "connected");
        let lease = Lease::until(caller.expires_at);
        Ok(Box::new(Life { site, live, lease, caller, after_seq, _counted: counted }))
    }
}

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
            Proof::Token(token) => site.chat.caller(&token)?,
            Proof::Ticket(ticket) => site.chat.redeem(&ticket).await?,
        };
        let live = site.chat.begin(&caller, scope, Arc::clone(&socket.writer.outbox) as _, heartbeat_ms).await?;
        Ok((live, caller))
    };
    match timeout(limits::ANSWER_TIMEOUT, beginning).await {
        Ok(Ok(begun)) => Ok(begun),
        Ok(Err(Refusal::Close(why))) => Err(why.into()),
        Ok(Err(Refusal::Error(error))) => Err(close::of_refused(&error).into()),
        Err(_) => Err(Close::OVERLOADED.into()),
    }
}

impl Life {
    /// Reads, writes and beats until one of them ends.
    async fn run(&self, socket: &mut Socket) -> End {
        let Self { site, live, lease, .. } = self;
        let Socket { reader, writer } = socket;
        let visit = Visit::new(&site.chat, &live.connection, &self.caller, lease);
        tokio::select! {
            end = visit.run(reader, Box::pin(visit.open(live.head, self.after_seq))) => end,
            end = writer.run(site.heartbeat, lease, || live.tell_news()) => end,
            () = site.draining.cancelled() => {
                writer.outbox.push(frames::draining(spread_ms()));
                // What was admitted is committed and answered before the goodbye, though its token may expire; the drain's own time-out
                // bounds this.
                let endless = Lease::endless();
                Box::pin(async {
                    tokio::select! {
                        () = visit.all_answered() => {}
                        _ = writer.run(site.heartbeat, &endless, || {}) => {}
                    }
                })
                .await;
                close::DRAINING.into()
            }
        }
    }
}

/// When to come back, different for each client, so that the next node is not stormed.
fn spread_ms() -> u64 {
    const EARLIEST_MS: u64 = 500;
    const SPREAD_MS: u128 = 4_500;
    EARLIEST_MS + u64::try_from(crate::domain::ConnectionId::new().0.as_u128() % SPREAD_MS).unwrap_or(0)
}
