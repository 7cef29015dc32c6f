//! A socket of the relay's.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};

/// Bytes that may wait for a client that does not read, before it is given up: more than any run of the bench has under way.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// A socket, and what waits on both sides of it.
pub(crate) struct Peer {
    pub(crate) socket: OwnedFd,
    /// Where it sits; nowhere until its handshake.
    pub(crate) rooms: Vec<usize>,
    /// It came to `/ws/{id}`: its sends name no conversation.
    pub(crate) one: bool,
    /// The beginning of a frame that has not been read to its end.
    pub(crate) partial: Vec<u8>,
    /// What is to be written, from `written` on.
    waiting: Vec<u8>,
    written: usize,
}

impl Peer {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, rooms: Vec::new(), one: true, partial: Vec::new(), waiting: Vec::new(), written: 0 }
    }

    /// Writes, and keeps what the kernel does not take. A socket that is broken is found so when it is read.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if !self.waiting.is_empty() {
            self.keep(bytes);
            return;
        }
        match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(written) if written == bytes.len() => {}
            Ok(written) => drop(self.keep(&bytes[written..])),
            Err(Errno::AGAIN) => drop(self.keep(bytes)),
            Err(_) => {}
        }
    }

    /// Keeps bytes to be written; says whether they are the first that wait.
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> bool {
        let first = self.waiting.is_empty();
        if self.waiting.len() + bytes.len() > WAITING_BYTES {
            let _ = shutdown(&self.socket, Shutdown::Both); // its client says that messages are missing
        } else {
            self.waiting.extend_from_slice(bytes);
        }
        first
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(crate) fn flush(&mut self) {
        while self.written < self.waiting.len() {
            match send(&self.socket, &self.waiting[self.written..], SendFlags::NOSIGNAL) {
                Ok(written) => self.written += written,
                Err(Errno::AGAIN) => return,
                Err(_) => break,
            }
        }
        self.waiting.clear();
        self.written = 0;
    }
}
