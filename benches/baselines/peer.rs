//! A socket of the relay, with its buffers.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};

/// Most bytes that wait for a client that does not read. The relay then closes the socket. No run of the bench has as many in flight.
const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A socket, with the bytes that wait in both directions.
pub(crate) struct Peer {
    pub(crate) socket: OwnedFd,
    /// The indices of its conversations. Empty before the handshake.
    pub(crate) rooms: Vec<usize>,
    /// The client connected to `/ws/{id}`, where a send does not name its conversation.
    pub(crate) one_conversation: bool,
    /// The beginning of an incomplete frame.
    pub(crate) partial: Vec<u8>,
    /// Bytes to be written. The first `written` of them have been written.
    pending: Vec<u8>,
    written: usize,
}

impl Peer {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, rooms: Vec::new(), one_conversation: true, partial: Vec::new(), pending: Vec::new(), written: 0 }
    }

    /// Writes bytes and enqueues the rest. An error is ignored, because the next read finds it.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if !self.pending.is_empty() {
            self.enqueue(bytes);
            return;
        }
        match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(written) if written == bytes.len() => {}
            Ok(written) => drop(self.enqueue(&bytes[written..])),
            Err(Errno::AGAIN) => drop(self.enqueue(bytes)),
            Err(_) => {}
        }
    }

    /// Adds to the pending bytes. Returns true when there were none before.
    pub(crate) fn enqueue(&mut self, bytes: &[u8]) -> bool {
        let first = self.pending.is_empty();
        if self.pending.len() + bytes.len() > PENDING_BYTES_MAX {
            let _ = shutdown(&self.socket, Shutdown::Both); // the bench then reports missing messages
        } else {
            self.pending.extend_from_slice(bytes);
        }
        first
    }

    /// Writes as many pending bytes as the kernel takes.
    pub(crate) fn flush(&mut self) {
        while self.written < self.pending.len() {
            match send(&self.socket, &self.pending[self.written..], SendFlags::NOSIGNAL) {
                Ok(written) => self.written += written,
                Err(Errno::AGAIN) => return,
                Err(_) => break,
            }
        }
        self.pending.clear();
        self.written = 0;
    }
}
