//! The sink of a send queue: the writing half of a WebSocket's TCP socket.

use std::io::{self, IoSlice};

use rustix::io::writev;
use rustix::net::{SendFlags, send};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::heartbeat::PeerActivity;
use crate::registry::Sink;

/// The socket that a send queue writes to, and the activity of the client at its other end.
pub struct SocketSink {
    pub(super) socket: OwnedWriteHalf,
    pub(super) activity: PeerActivity,
}

impl SocketSink {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, activity: PeerActivity::default() }
    }
}

impl Sink for SocketSink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Sink::try_write(&self.socket, slices)
    }
}

/// Writes from any task. It calls the kernel without checking the runtime's readiness of the socket: in a fan-out to a thousand
/// recipients, most of that readiness is in memory that was not used for a long time.
impl Sink for OwnedWriteHalf {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let socket: &TcpStream = self.as_ref();
        match write(socket, slices) {
            // `try_io` makes the runtime note that the kernel is full, so that it wakes the writer later. `try_io` writes once more,
            // because the kernel can have accepted bytes again meanwhile.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.try_io(Interest::WRITABLE, || write(socket, slices))
            }
            written => written,
        }
    }
}

fn write(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(match slices {
        // One `send` costs the kernel less than a `writev` of one slice.
        [slice] => send(socket, slice, SendFlags::NOSIGNAL)?,
        _ => writev(socket, slices)?,
    })
}
