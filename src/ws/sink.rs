//! The sink that an send_queue writes to: the peer at the other end of a socket.

use std::io::{self, IoSlice};

use rustix::io::writev;
use rustix::net::{SendFlags, send};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::heartbeat::PeerActivity;
use crate::registry::Sink;

/// The peer: how to write to it, and whether it was heard of.
pub struct Peer {
    pub(super) socket: OwnedWriteHalf,
    pub(super) activity: PeerActivity,
}

impl Peer {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, activity: PeerActivity::default() }
    }
}

impl Sink for Peer {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Sink::try_write(&self.socket, slices)
    }
}

/// From whichever task has something to say. The kernel is asked without a look at what the runtime knows of the socket: for most
/// of a thousand recipients that is memory which nobody has touched for long.
impl Sink for OwnedWriteHalf {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let socket: &TcpStream = self.as_ref();
        match write(socket, slices) {
            // The runtime has to know that the kernel is full, to wake whoever waits until it is not; it asks once more, so
            // that what the kernel takes meanwhile is not forgotten.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.try_io(Interest::WRITABLE, || write(socket, slices))
            }
            written => written,
        }
    }
}

fn write(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(match slices {
        // One `send` costs the kernel less than a `writev` of one.
        [slice] => send(socket, slice, SendFlags::NOSIGNAL)?,
        _ => writev(socket, slices)?,
    })
}
