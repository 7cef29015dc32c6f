//! The sink that an outbox writes to: a socket's sending side.

use std::io::{self, IoSlice};

use tokio::net::tcp::OwnedWriteHalf;

use crate::registry::Sink;

/// From whichever task has something to say.
impl Sink for OwnedWriteHalf {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            // One `send` costs the kernel less than a `writev` of one.
            [slice] => self.try_write(slice),
            _ => self.try_write_vectored(slices),
        }
    }
}
