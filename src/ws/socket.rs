//! An open WebSocket, independent of the meaning of its frames: a reader, a writer and the closing handshake.

use std::sync::Arc;

use bytes::Bytes;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::end::ConnectionEnd;
use super::reader::Reader;
use super::sink::SocketSink;
use super::writer::Writer;
use crate::limits;
use crate::registry::{Holder, Registry};

/// An open WebSocket.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Socket {
    pub reader: Reader,
    pub writer: Writer,
}

impl Socket {
    /// Creates the WebSocket of a TCP stream. `early` holds the bytes that were read with the handshake. The client's messages have at
    /// most `max_message_bytes` bytes. Bytes that wait, in the send queue and of a message that has arrived in part, are charged to `holder`.
    pub fn new(stream: TcpStream, early: Bytes, max_message_bytes: usize, registry: &Registry, holder: Holder) -> Self {
        let (read_half, write_half) = stream.into_split();
        let send_queue = registry.send_queue(SocketSink::new(write_half), holder);
        let charge = registry.charge(holder);
        let reader = Reader::new(early, read_half, Arc::clone(&send_queue), max_message_bytes, charge);
        Self { reader, writer: Writer::new(send_queue) }
    }

    /// Closes the WebSocket within [`limits::CLOSE_TIMEOUT`]: writes the send queue, shuts the writing side down, and reads the rest of
    /// the client's bytes, so that the client gets the close frame and not a reset.
    pub async fn close(&mut self, end: ConnectionEnd) {
        let send_queue = &self.writer.send_queue;
        if let ConnectionEnd::Close(close) = end {
            send_queue.close(close);
        }
        send_queue.uncork();
        if end != ConnectionEnd::Broken {
            // A client that does not close in time is disconnected.
            let _ = timeout(limits::CLOSE_TIMEOUT, self.closing_handshake(end)).await;
        }
    }

    async fn closing_handshake(&mut self, end: ConnectionEnd) {
        let send_queue = &self.writer.send_queue;
        let socket = &send_queue.sink().socket;
        while send_queue.waiting() > 0 {
            match socket.writable().await {
                Ok(()) => send_queue.flush(),
                Err(_) => return,
            }
        }
        let is_shut_down = shutdown::<&TcpStream>(socket.as_ref(), Shutdown::Write).is_ok();
        if !is_shut_down || matches!(end, ConnectionEnd::Closed { .. }) {
            return;
        }
        self.reader.read_to_end().await;
    }
}
