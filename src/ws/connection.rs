//! One WebSocket connection of Chinwag: authentication, `hello`, frames in both directions, the end.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::time::timeout;
use tracing::info;

use super::dispatch::{self, FrameDispatcher};
use super::end::ConnectionEnd;
use super::handshake::SocketHandler;
use super::socket::Socket;
use super::token_deadline::TokenDeadline;
use crate::api::RefusalLog;
use crate::chat::{ConnectError, LiveConnection};
use crate::domain::Code;
use crate::domain::session::Caller;
use crate::limits;
use crate::registry::{Scope, SendQueue};
use crate::transport::{AppState, CountedPermit};
use crate::wire::client_frame::ResumePoint;
use crate::wire::close::Close;
use crate::wire::frames;

/// The parameters of a handshake.
pub(super) struct ConnectRequest {
    pub(super) state: Arc<AppState>,
    pub(super) request_id: Arc<str>,
    /// The client's network, to which operations are charged.
    pub(super) network: IpAddr,
    pub(super) scope: Scope,
    pub(super) resume_point: Option<ResumePoint>,
    pub(super) auth: Option<HandshakeAuth>,
    /// Counts the connection among the pending ones. It is released when the connection is established or refused.
    pub(super) pending_permit: CountedPermit,
    /// Counts the connection for a client behind a proxy. It is held until the connection ends.
    pub(super) proxied_permit: Option<CountedPermit>,
}

/// The credential that a client gives in its handshake.
pub(super) enum HandshakeAuth {
    /// An access token.
    Token(String),
    /// A ticket. It can be used once.
    Ticket(String),
}

/// A connection whose client is authenticated and has been sent `hello`.
struct Established {
    state: Arc<AppState>,
    network: IpAddr,
    live: LiveConnection,
    deadline: TokenDeadline,
    caller: Caller,
    resume_point: Option<ResumePoint>,
    _proxied_permit: Option<CountedPermit>,
}

impl SocketHandler for ConnectRequest {
    /// Each stage is boxed and dropped when it ends, so that a long-lived connection takes no more memory than it needs.
    #[allow(clippy::manual_async_fn)] // an `async fn` stores its arguments twice
    fn handle(self: Box<Self>, socket: &mut Socket) -> impl Future<Output = ConnectionEnd> + Send {
        async move {
            let mut established = match Box::pin(self.establish(socket)).await {
                Ok(established) => established,
                Err(end) => return end,
            };
            let end = Box::pin(established.run(socket)).await;
            info!(connection_id = %established.live.connection.id, %end, "connection ended");
            established.live.departure = end.departure();
            end
        }
    }
}

impl ConnectRequest {
    /// Authenticates the client and connects it. A drain interrupts this.
    async fn establish(self: Box<Self>, socket: &mut Socket) -> Result<Box<Established>, ConnectionEnd> {
        let Self { state, request_id, network, scope, resume_point, auth, pending_permit, proxied_permit } = *self;
        let connected = tokio::select! {
            connected = connect(&state, socket, scope, auth, pending_permit) => connected,
            () = state.draining.cancelled() => Err(Close::DRAINING.into()),
        };
        let (live, caller) = connected.inspect_err(|end| log_refused(end, &request_id, network, &state.refusals))?;
        info!(%request_id, user_id = %caller.user_id, connection_id = %live.connection.id, "connected");
        let deadline = TokenDeadline::at(caller.expires_at);
        let established =
            Established { state, network, live, deadline, caller, resume_point, _proxied_permit: proxied_permit };
        Ok(Box::new(established))
    }
}

/// Logs a connection that was not established, unless it is one of many.
fn log_refused(end: &ConnectionEnd, request_id: &str, network: IpAddr, refusals: &RefusalLog) {
    /// The code of RFC 6455 for a connection that ended without one.
    const NO_CODE: u16 = 1006;
    let code = if let ConnectionEnd::Close(close) = end { close.code } else { NO_CODE };
    if !refusals.admit(code, network) {
        return;
    }
    match end {
        ConnectionEnd::Close(close) => info!(%request_id, why = %close, "connection refused"),
        ConnectionEnd::Closed { .. } | ConnectionEnd::Broken => {
            info!(%request_id, %end, "connection ended before it was established");
        }
    }
}

async fn connect(
    state: &AppState,
    socket: &mut Socket,
    scope: Scope,
    auth: Option<HandshakeAuth>,
    pending_permit: CountedPermit,
) -> Result<(LiveConnection, Caller), ConnectionEnd> {
    let _released_on_return = pending_permit;
    let auth = match auth {
        Some(auth) => auth,
        None => match timeout(limits::AUTH_TIMEOUT, dispatch::first_token(&mut socket.reader)).await {
            Ok(token) => HandshakeAuth::Token(token?),
            Err(_) => return Err(Close::NO_AUTHENTICATION.into()),
        },
    };
    let caller = match auth {
        HandshakeAuth::Token(token) => state.chat.auth.tokens.caller(&token).map_err(|error| Close::for_error(&error)),
        HandshakeAuth::Ticket(ticket) => {
            let _permit = state.connection_limits.redeem_permit().await.ok_or(Close::OVERLOADED)?;
            let redeemed = timeout(limits::ANSWER_TIMEOUT, state.chat.auth.redeem(&ticket)).await;
            redeemed.map_err(|_| Close::OVERLOADED)?.map_err(|error| match error.code {
                Code::Unauthorized => Close::BAD_TICKET,
                _ => Close::for_error(&error),
            })
        }
    }?;
    socket.reader.charge.set_user(caller.user_id);
    let live = connect_user(state, &caller, scope, Arc::clone(&socket.writer.send_queue) as _).await?;
    Ok((live, caller))
}

/// Connects an authenticated user. A connection to many conversations waits for its permit several times, so that others need not wait for all
/// of them.
async fn connect_user(
    state: &AppState,
    caller: &Caller,
    scope: Scope,
    send_queue: Arc<SendQueue>,
) -> Result<LiveConnection, ConnectionEnd> {
    let heartbeat_ms = u64::try_from(state.heartbeat.as_millis()).unwrap_or(u64::MAX);
    let permit = async || state.connection_limits.connect_permit(caller.user_id).await.ok_or(Close::OVERLOADED);
    let mut held = permit().await?;
    let first = async { state.chat.connect(caller, scope, send_queue).await?.proceed(heartbeat_ms).await };
    let mut progress = in_time(first).await?;
    loop {
        match progress {
            ControlFlow::Break(live) => return Ok(live),
            ControlFlow::Continue(pending) => {
                drop(held);
                held = permit().await?;
                progress = in_time(pending.proceed(heartbeat_ms)).await?;
            }
        }
    }
}

/// Returns the result of what a connection does with one permit, or the reason why it is closed.
async fn in_time<T>(step: impl Future<Output = Result<T, ConnectError>>) -> Result<T, ConnectionEnd> {
    match timeout(limits::ANSWER_TIMEOUT, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ConnectError::Close(close))) => Err(close.into()),
        Ok(Err(ConnectError::Error(error))) => Err(Close::for_error(&error).into()),
        Err(_) => Err(Close::OVERLOADED.into()),
    }
}

impl Established {
    /// Reads frames, writes frames and sends heartbeats. Returns when the first of these ends or the server drains.
    async fn run(&self, socket: &mut Socket) -> ConnectionEnd {
        let Self { state, live, deadline, .. } = self;
        let Socket { reader, writer } = socket;
        let (caller, network, refusals) = (&self.caller, self.network, &state.refusals);
        let dispatcher = FrameDispatcher::new(&state.chat, &live.connection, caller, network, refusals, deadline);
        let opening = Box::pin(async {
            live.send_co_members().await?;
            dispatcher.open(live.head, self.resume_point).await
        });
        tokio::select! {
            end = dispatcher.run(reader, opening) => end,
            end = writer.run(state.heartbeat, deadline, || live.send_heartbeat()) => end,
            () = state.draining.cancelled() => {
                writer.send_queue.push(frames::draining(reconnect_jitter_ms()));
                // Writes in flight are committed and acknowledged before the close frame, even if the token expires meanwhile.
                // The drain's own time limit bounds this.
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

/// Returns the delay after which a client should reconnect, random for each, so that they do not all reconnect at once.
fn reconnect_jitter_ms() -> u64 {
    const MIN_MS: u64 = 500;
    const SPREAD_MS: u128 = 4_500;
    MIN_MS + u64::try_from(crate::domain::ConnectionId::new().0.as_u128() % SPREAD_MS).unwrap_or(0)
}
