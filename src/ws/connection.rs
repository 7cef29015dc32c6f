//! A connection's established: who it is, `hello`, what it hears and says, the end.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::timeout;
use tracing::info;

use super::dispatch::{self, FrameDispatcher};
use super::end::ConnectionEnd;
use super::handshake::SocketHandler;
use super::socket::Socket;
use super::token_deadline::TokenDeadline;
use crate::chat::{ConnectError, LiveConnection};
use crate::domain::Seq;
use crate::domain::session::Caller;
use crate::limits;
use crate::registry::Scope;
use crate::transport::{AppState, CountedPermit};
use crate::wire::close::Close;
use crate::wire::frames;

/// What a handshake asked for.
pub(super) struct ConnectRequest {
    pub(super) state: Arc<AppState>,
    pub(super) request_id: Arc<str>,
    /// The client's network, to which operations are charged.
    pub(super) network: IpAddr,
    pub(super) scope: Scope,
    pub(super) after_seq: Option<Seq>,
    pub(super) auth: Option<HandshakeAuth>,
    /// Its place among those whose connection has not begun.
    pub(super) pending: CountedPermit,
    /// Its place among those of its address behind a proxy, for as long as it is open.
    pub(super) counted: Option<CountedPermit>,
}

/// How the handshake says who it is.
pub(super) enum HandshakeAuth {
    /// By an access token.
    Token(String),
    /// By a ticket, which is spent by it.
    Ticket(String),
}

/// A connection that has begun.
struct Established {
    state: Arc<AppState>,
    network: IpAddr,
    live: LiveConnection,
    deadline: TokenDeadline,
    caller: Caller,
    after_seq: Option<Seq>,
    /// Held to the end.
    _counted: Option<CountedPermit>,
}

impl SocketHandler for ConnectRequest {
    /// Each stage has a box of its own, which goes with it: what lives long takes no more memory than it needs.
    #[allow(clippy::manual_async_fn)] // an `async fn` keeps its arguments twice
    fn handle(self: Box<Self>, socket: &mut Socket) -> impl Future<Output = ConnectionEnd> + Send {
        async move {
            let established = match Box::pin(self.begin(socket)).await {
                Ok(established) => established,
                Err(end) => return end,
            };
            let end = Box::pin(established.run(socket)).await;
            info!(connection_id = %established.live.connection.id, ?end, "connection ended");
            end
        }
    }
}

impl ConnectRequest {
    /// Finds out who it is, and begins the connection.
    async fn begin(self: Box<Self>, socket: &mut Socket) -> Result<Box<Established>, ConnectionEnd> {
        let Self { state, request_id, network, scope, after_seq, auth, pending, counted } = *self;
        let begun = tokio::select! {
            begun = begin(&state, socket, scope, auth, pending) => begun,
            () = state.draining.cancelled() => Err(Close::DRAINING.into()),
        };
        let (live, caller) = begun.inspect_err(|end| match end {
            ConnectionEnd::Close(why) => info!(%request_id, ?why, "connection refused"),
            ConnectionEnd::Closed | ConnectionEnd::Broken => {
                info!(%request_id, ?end, "connection ended before it began");
            }
        })?;
        info!(%request_id, user_id = %caller.user_id, connection_id = %live.connection.id, "connected");
        let deadline = TokenDeadline::until(caller.expires_at);
        Ok(Box::new(Established { state, network, live, deadline, caller, after_seq, _counted: counted }))
    }
}

async fn begin(
    state: &AppState,
    socket: &mut Socket,
    scope: Scope,
    auth: Option<HandshakeAuth>,
    pending: CountedPermit,
) -> Result<(LiveConnection, Caller), ConnectionEnd> {
    let _free_for_others_after_this = pending;
    let auth = match auth {
        Some(auth) => auth,
        None => match timeout(limits::AUTH_TIMEOUT, dispatch::first_token(&mut socket.reader)).await {
            Ok(token) => HandshakeAuth::Token(token?),
            Err(_) => return Err(Close::NO_AUTHENTICATION.into()),
        },
    };
    let heartbeat_ms = u64::try_from(state.heartbeat.as_millis()).unwrap_or(u64::MAX);
    let _turn = state.connection_limits.connect_permit().await.ok_or(Close::OVERLOADED)?;
    let beginning = async {
        let caller = match auth {
            HandshakeAuth::Token(token) => state.chat.auth.tokens.caller(&token)?,
            HandshakeAuth::Ticket(ticket) => state.chat.auth.redeem(&ticket).await?,
        };
        let live = state.chat.connect(&caller, scope, Arc::clone(&socket.writer.send_queue) as _, heartbeat_ms).await?;
        Ok((live, caller))
    };
    match timeout(limits::ANSWER_TIMEOUT, beginning).await {
        Ok(Ok(begun)) => Ok(begun),
        Ok(Err(ConnectError::Close(why))) => Err(why.into()),
        Ok(Err(ConnectError::Error(error))) => Err(Close::for_error(&error).into()),
        Err(_) => Err(Close::OVERLOADED.into()),
    }
}

impl Established {
    /// Reads, writes and beats until one of them ends.
    async fn run(&self, socket: &mut Socket) -> ConnectionEnd {
        let Self { state, live, deadline, .. } = self;
        let Socket { reader, writer } = socket;
        let dispatcher = FrameDispatcher::new(&state.chat, &live.connection, &self.caller, self.network, deadline);
        tokio::select! {
            end = dispatcher.run(reader, Box::pin(dispatcher.open(live.head, self.after_seq))) => end,
            end = writer.run(state.heartbeat, deadline, || live.send_heartbeat()) => end,
            () = state.draining.cancelled() => {
                writer.send_queue.push(frames::draining(reconnect_jitter_ms()));
                // What was admitted is committed and answered before the goodbye, though its token may expire; the drain's own time-out
                // bounds this.
                let endless = TokenDeadline::endless();
                Box::pin(async {
                    tokio::select! {
                        () = dispatcher.all_answered() => {}
                        _ = writer.run(state.heartbeat, &endless, || {}) => {}
                    }
                })
                .await;
                Close::DRAINING.into()
            }
        }
    }
}

/// When to come back, different for each client, so that the next node is not stormed.
fn reconnect_jitter_ms() -> u64 {
    const EARLIEST_MS: u64 = 500;
    const SPREAD_MS: u128 = 4_500;
    EARLIEST_MS + u64::try_from(crate::domain::ConnectionId::new().0.as_u128() % SPREAD_MS).unwrap_or(0)
}
