//! A connection's life: who it is, `hello`, the three loops, the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::{debug, info};

use super::close::{self, End};
use super::heartbeat::{self, Pulse};
use super::reader::Reader;
use super::socket::{Half, SocketSink};
use super::writer;
use crate::chat::{Live, Refusal};
use crate::domain::session::Caller;
use crate::domain::{Seq, Timestamp};
use crate::http::site::Site;
use crate::limits;
use crate::registry::{Close, Outbox, Scope};
use crate::wire::frames;

/// What the handshake asked for.
pub(super) struct Wish {
    pub(super) scope: Scope,
    pub(super) after_seq: Option<Seq>,
    pub(super) token: Option<String>,
    pub(super) request_id: Arc<str>,
}

/// Takes the socket over and lives on it until it ends.
pub(super) async fn run(site: Arc<Site>, upgrade: OnUpgrade, wish: Wish, place: Arc<OwnedSemaphorePermit>) {
    let _held_as_long_as_the_socket = place;
    let request_id = wish.request_id.clone();
    let (socket, early) = match upgrade.await.map(Upgraded::downcast::<TokioIo<TcpStream>>) {
        Ok(Ok(parts)) => (Arc::new(parts.io.into_inner()), parts.read_buf),
        Ok(Err(_)) => return tracing::error!("an upgraded socket is not a TCP socket"),
        Err(error) => return debug!(%error, "a socket was lost before it was upgraded"),
    };
    // Boxed, so that the task is as small as what lives long, not as what it once was.
    let end = Box::pin(converse(&site, &socket, early, wish)).await;
    info!(request_id = %request_id, ?end, "connection ended");
}

async fn converse(site: &Arc<Site>, socket: &Arc<TcpStream>, early: Bytes, wish: Wish) -> End {
    let outbox = Arc::new(Outbox::new(Box::new(SocketSink(Arc::clone(socket)))));
    let half = Half::new(early, Arc::clone(socket), Arc::clone(&outbox));
    let config = WebSocketConfig::default()
        .read_buffer_size(limits::READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::FRAME_BYTES)
        .max_message_size(Some(limits::FRAME_BYTES))
        .max_frame_size(Some(limits::FRAME_BYTES));
    let stream = WebSocketStream::from_raw_socket(half, Role::Server, Some(config)).await;
    let mut reader = Reader::new(stream);
    let begun = tokio::select! {
        begun = begin(site, &outbox, &mut reader, wish) => begun,
        () = site.draining.cancelled() => Err(close::DRAINING.into()),
    };
    let end = match begun {
        Ok((live, caller, after_seq)) => {
            info!(user_id = %caller.user_id, connection_id = %live.connection.id, "connected");
            let end = live_on(site, socket, &mut reader, &live, caller, after_seq).await;
            drop(live);
            end
        }
        Err(end) => end,
    };
    if let End::Close(why) = end {
        outbox.close(why);
    }
    outbox.uncork();
    part(socket, &outbox, &mut reader, end).await;
    end
}

/// Finds out who it is, and begins the connection.
async fn begin(
    site: &Arc<Site>,
    outbox: &Arc<Outbox>,
    reader: &mut Reader,
    wish: Wish,
) -> Result<(Live, Caller, Option<Seq>), End> {
    let token = match wish.token {
        Some(token) => token,
        None => match timeout(limits::AUTH_TIMEOUT, reader.first_token()).await {
            Ok(token) => token?,
            Err(_) => return Err(close::NO_AUTHENTICATION.into()),
        },
    };
    let heartbeat_ms = u64::try_from(site.heartbeat.as_millis()).unwrap_or(u64::MAX);
    let beginning = async {
        let caller = site.chat.authenticate(&token).await?;
        Ok((site.chat.begin(&caller, wish.scope, Arc::clone(outbox), heartbeat_ms).await?, caller))
    };
    match timeout(limits::ANSWER_TIMEOUT, beginning).await {
        Ok(Ok((live, caller))) => Ok((live, caller, wish.after_seq)),
        Ok(Err(Refusal::Close(why))) => Err(why.into()),
        Ok(Err(Refusal::Error(error))) => Err(close::of_refused(&error).into()),
        Err(_) => Err(Close::OVERLOADED.into()),
    }
}

/// Reads, writes and beats until one of them ends.
async fn live_on(
    site: &Arc<Site>,
    socket: &TcpStream,
    reader: &mut Reader,
    live: &Live,
    caller: Caller,
    after_seq: Option<Seq>,
) -> End {
    let pulse = Pulse::default();
    let (renew, expiry) = watch::channel(caller.expires_at);
    let outbox = &live.connection.outbox;
    let under_way = reader.under_way();
    tokio::select! {
        end = reader.run(site, live, caller, after_seq, &pulse, renew) => end,
        end = writer::run(outbox, socket) => end,
        end = heartbeat::run(outbox, &pulse, site.heartbeat, || live.tell_news()) => end,
        end = expire(expiry) => end,
        () = site.draining.cancelled() => {
            outbox.push(frames::draining(spread_ms()));
            // What was admitted is committed and answered before the goodbye; the drain's own time-out bounds this.
            let all = u32::try_from(limits::UNDER_WAY).unwrap_or(u32::MAX);
            tokio::select! {
                _ = under_way.acquire_many(all) => {}
                _ = writer::run(outbox, socket) => {}
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

/// The closing handshake, bounded in time: what waits is written, the sending side is closed, and the peer's last words
/// are read, so that it gets the close frame and not a reset.
async fn part(socket: &TcpStream, outbox: &Outbox, reader: &mut Reader, end: End) {
    if end == End::Broken {
        return;
    }
    let parting = async {
        if end == End::Closed {
            reader.answer_close().await;
        }
        while outbox.waiting() > 0 {
            match socket.writable().await {
                Ok(()) => outbox.flush(),
                Err(_) => return,
            }
        }
        if shutdown(socket, Shutdown::Write).is_err() || end == End::Closed {
            return;
        }
        let mut rest = [0; 1024];
        while socket.readable().await.is_ok() {
            match socket.try_read(&mut rest) {
                Ok(0) => return,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    // Whoever does not close in time is left.
    let _ = timeout(limits::CLOSE_TIMEOUT, parting).await;
}
