//! The side of a WebSocket that writes: goes on where the kernel was full, and pings.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::tcp::OwnedWriteHalf;

use super::close::End;
use super::heartbeat::{self, Pulse};
use crate::registry::{Outbox, Stir};

/// Writes to a socket what waits in its outbox.
pub struct Writer {
    /// What is said to the peer.
    pub outbox: Arc<Outbox>,
    pub(super) sending: Arc<OwnedWriteHalf>,
    pulse: Arc<Pulse>,
}

impl Writer {
    pub(super) fn new(sending: Arc<OwnedWriteHalf>, outbox: Arc<Outbox>) -> Self {
        Self { outbox, sending, pulse: Arc::default() }
    }

    /// Where the reading side says that it has heard something.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Writes, and pings every `heartbeat` after calling `on_beat`; returns when the server closes the connection, the peer is silent, or the socket is
    /// gone.
    pub async fn run(&self, heartbeat: Duration, on_beat: impl Fn()) -> End {
        tokio::select! {
            end = self.write() => end,
            end = heartbeat::run(&self.outbox, &self.pulse, heartbeat, on_beat) => end,
        }
    }

    /// Flushes whenever the socket can be written again.
    async fn write(&self) -> End {
        loop {
            match self.outbox.stirred().await {
                Stir::Blocked => tokio::select! {
                    writable = self.sending.writable() => match writable {
                        Ok(()) => self.outbox.flush(),
                        Err(_) => return End::Broken,
                    },
                    // The server may close a connection whose peer never reads again.
                    () = self.outbox.news() => {}
                },
                Stir::Closing(close) => return End::Close(close),
                Stir::Broken => return End::Broken,
            }
        }
    }
}
