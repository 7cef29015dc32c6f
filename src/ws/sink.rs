//! The sink that an outbox writes to: a socket's sending side.

use std::io::{self, IoSlice};
use std::sync::Arc;

use tokio::net::tcp::OwnedWriteHalf;

use crate::registry::Sink;

/// Writes to the socket, from whichever task has something to say.
pub struct SocketSink(pub Arc<OwnedWriteHalf>);

impl Sink for SocketSink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [slice] => self.0.try_write(slice),
            _ => self.0.try_write_vectored(slices),
        }
    }
}
