//! The carrier over PostgreSQL: packets go by NOTIFY and come by LISTEN, without a further service.
//!
//! All that waits goes in one statement, and the next statement takes what came meanwhile. A payload is a packet in base64. PostgreSQL brings a node its
//! own packets too: while they come back, the connection works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::{Cluster, OutboundBatch};
use crate::domain::Incarnation;
use crate::limits;
use crate::store::postgres::notifications::{Listener, Notifications, Notifier};

/// The packets that are to be sent next. They stay until a statement has succeeded: nodes ignore a packet that comes again.
#[derive(Default)]
struct Pending {
    /// The generation of the database's history that they are of.
    generation: u64,
    payloads: Vec<String>,
}

/// Carries packets by LISTEN and NOTIFY.
pub struct NotifyCarrier {
    cluster: Arc<Cluster>,
    notifications: Notifications,
    pending: Pending,
    /// True from a failure until packets are known to come again.
    is_failing: AtomicBool,
}

impl NotifyCarrier {
    /// Returns a carrier that has not connected yet.
    pub fn new(cluster: &Arc<Cluster>, notifications: Notifications) -> Self {
        let (cluster, pending, is_failing) = (Arc::clone(cluster), Pending::default(), AtomicBool::new(false));
        Self { cluster, notifications, pending, is_failing }
    }

    /// Carries packets until `stop`, and then sends what waits. Connects again after every failure.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Err(failure) = self.carry(&stop).await {
            self.cluster.set_connected(false);
            if !self.is_failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    failure,
                    "notifications of other nodes do not come; their events come with the next heartbeat; the node connects again"
                );
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(reconnect_pause()) => {}
            }
        }
    }

    /// Connects, and carries packets until `stop` or a failure.
    async fn carry(&mut self, stop: &CancellationToken) -> Result<(), String> {
        let connected = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            connected = self.notifications.connect() => connected,
        };
        let (notifier, mut listener) = connected?;
        self.cluster.set_connected(true);
        self.cluster.reconnected();
        let Self { cluster, pending, is_failing, notifications } = self;
        // Packets of a history that was replaced tell of events that the database may lack.
        if pending.generation != notifier.generation() {
            pending.payloads.clear();
        }
        let echo = Echo::default();
        if cluster.peers.is_alone() {
            log_recovery(is_failing);
        }
        let receive = async {
            loop {
                if cluster.receive(&next_packet(&mut listener).await?) {
                    echo.came();
                    log_recovery(is_failing);
                }
            }
        };
        tokio::select! {
            result = receive => result,
            result = send(cluster, pending, &notifier, &echo, stop) => result,
            () = notifications.replaced(notifier.generation()) => Err("another database server has taken over".to_owned()),
        }
    }
}

/// Sends packets until `stop`, or until the connection is known to have failed.
async fn send(
    cluster: &Cluster,
    pending: &mut Pending,
    notifier: &Notifier,
    echo: &Echo,
    stop: &CancellationToken,
) -> Result<(), String> {
    let mut beats = interval(limits::NOTIFY_BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_quiet = true;
    loop {
        flush(&mut pending.payloads, notifier, echo, limits::NOTIFY_ECHO_TIMEOUT).await?;
        tokio::select! {
            batch = cluster.outbound.take() => {
                *pending = pack(cluster, &batch);
                is_quiet = false;
            }
            _ = beats.tick() => {
                echo.check()?;
                // Also at once after connecting, so that nodes see this one if they did not know it.
                if is_quiet && !cluster.peers.is_alone() {
                    *pending = pack(cluster, &cluster.outbound.take_now());
                }
                is_quiet = true;
            }
            () = stop.cancelled() => {
                let rest = cluster.outbound.take_now();
                if rest.envelopes.is_empty() {
                    return Ok(());
                }
                *pending = pack(cluster, &rest);
                return flush(&mut pending.payloads, notifier, echo, limits::NODE_END_TIMEOUT).await;
            }
        }
    }
}

/// Sends the packets that are pending, in order.
async fn flush(payloads: &mut Vec<String>, notifier: &Notifier, echo: &Echo, time: Duration) -> Result<(), String> {
    while !payloads.is_empty() {
        let count = payloads.len().min(limits::NOTIFY_BATCH_MAX);
        // Before the statement: its echo may be here before its answer.
        echo.is_awaited();
        notifier.notify(&payloads[..count], time).await?;
        payloads.drain(..count);
    }
    Ok(())
}

fn pack(cluster: &Cluster, batch: &OutboundBatch) -> Pending {
    let packets = cluster.small_packets(batch.history, &batch.envelopes, limits::NOTIFY_PACKET_BYTES_MAX);
    let payloads = packets.iter().map(|packet| BASE64.encode(packet)).collect();
    Pending { generation: batch.generation, payloads }
}

/// Waits for the next payload. One that is no base64 is an empty packet, which is foreign.
async fn next_packet(listener: &mut Listener) -> Result<Vec<u8>, String> {
    Ok(BASE64.decode(listener.next().await?).unwrap_or_default())
}

fn log_recovery(is_failing: &AtomicBool) {
    if is_failing.swap(false, Ordering::Relaxed) {
        tracing::info!("notifications of other nodes come again");
    }
}

/// Returns a pause that is random between a half and the whole of [`limits::NOTIFY_RECONNECT_PAUSE`].
fn reconnect_pause() -> Duration {
    let half = limits::NOTIFY_RECONNECT_PAUSE / 2;
    // The last byte of an id is random.
    half + half.mul_f64(f64::from(Incarnation::new().0.as_bytes()[15]) / f64::from(u8::MAX))
}

/// Watches for this node's own packets, which PostgreSQL brings back.
#[derive(Default)]
struct Echo {
    /// The time of the first packet since the last one that came back.
    awaited_since: Mutex<Option<Instant>>,
}

impl Echo {
    fn is_awaited(&self) {
        self.awaited_since().get_or_insert_with(Instant::now);
    }

    fn came(&self) {
        *self.awaited_since() = None;
    }

    fn check(&self) -> Result<(), String> {
        let is_missing = self.awaited_since().is_some_and(|since| since.elapsed() >= limits::NOTIFY_ECHO_TIMEOUT);
        if is_missing {
            return Err(format!(
                "this node's own notifications did not come back within {:?}; if DATABASE_URL goes through a pooler, \
                 set CHINWAG_LISTEN_URL to the server itself",
                limits::NOTIFY_ECHO_TIMEOUT
            ));
        }
        Ok(())
    }

    /// A panic under the lock leaves a valid time.
    fn awaited_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.awaited_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
