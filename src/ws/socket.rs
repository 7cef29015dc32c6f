//! An open WebSocket, whatever its frames mean: a side that reads, a side that writes, and how it ends.

use std::sync::Arc;

use bytes::Bytes;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::end::ConnectionEnd;
use super::reader::Reader;
use super::sink::Peer;
use super::writer::Writer;
use crate::limits;
use crate::registry::Registry;

/// An open WebSocket.
pub struct Socket {
    /// The side that reads.
    pub reader: Reader,
    /// The side that writes.
    pub writer: Writer,
}

impl Socket {
    /// The WebSocket on a stream of bytes, of which some may have come already. The peer's messages have at most so many bytes;
    /// what waits for it counts with all that waits in `registry`.
    pub fn new(stream: TcpStream, early: Bytes, message_bytes: usize, registry: &Registry) -> Self {
        let (receiving, sending) = stream.into_split();
        let send_queue = registry.send_queue(Peer::new(sending));
        let reader = Reader::new(early, receiving, Arc::clone(&send_queue), message_bytes);
        Self { reader, writer: Writer::new(send_queue) }
    }

    /// The closing handshake, bounded in time: what waits is written, the sending side is closed, and the peer's last words
    /// are read, so that it gets the close frame and not a reset.
    pub async fn close(&mut self, end: ConnectionEnd) {
        let send_queue = &self.writer.send_queue;
        if let ConnectionEnd::Close(why) = end {
            send_queue.close(why);
        }
        send_queue.uncork();
        if end != ConnectionEnd::Broken {
            // Whoever does not close in time is left.
            let _ = timeout(limits::CLOSE_TIMEOUT, self.say_goodbye(end)).await;
        }
    }

    async fn say_goodbye(&mut self, end: ConnectionEnd) {
        let send_queue = &self.writer.send_queue;
        let sending = &send_queue.sink().socket;
        while send_queue.waiting() > 0 {
            match sending.writable().await {
                Ok(()) => send_queue.flush(),
                Err(_) => return,
            }
        }
        if shutdown::<&TcpStream>(sending.as_ref(), Shutdown::Write).is_err() || end == ConnectionEnd::Closed {
            return;
        }
        self.reader.read_to_end().await;
    }
}
