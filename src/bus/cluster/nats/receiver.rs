//! The receiver: takes the packets of other nodes from the client of NATS, and notices when some may be missing.

use std::sync::Arc;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::inbound::Intake;
use super::packets::everything;
use super::signals::Signals;
use super::subjects::Subjects;
use super::subscriptions::{Packets, Subscriptions};
use crate::bus::cluster::Cluster;
use crate::limits;

/// Takes the packets of other nodes from the client. It does nothing that takes time, so that few packets wait in the client.
///
/// A subscription begins some time after the client asked for it, and what comes before is missed. The same is true of all subscriptions of a
/// client that connects again, and packets are missed too when the client or this node drops some. So this node then sends a packet to itself: NATS
/// answers in order, so its echo says that the subscriptions have begun. After that the node compares itself with the store.
pub struct Receiver {
    pub(super) client: Client,
    pub(super) cluster: Arc<Cluster>,
    pub(super) subjects: Subjects,
    pub(super) signals: Arc<Signals>,
    pub(super) subscriptions: Subscriptions,
    pub(super) packets: mpsc::Receiver<Packets>,
    pub(super) intake: Intake,
}

/// The way to the next comparison with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is missing.
    Idle,
    /// The echo with this number has not come. It is asked for again at this time, because it may be lost.
    Echo(u64, Instant),
    /// The node compares itself at this time.
    Settle(Instant),
}

impl Receiver {
    /// Takes packets until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self { client, cluster, subjects, signals, subscriptions, packets, intake } = self;
        let own = subjects.own(Uuid::now_v7());
        // It fails only if the client has ended.
        let Ok(echoes) = client.subscribe(own.clone()).await else { return };
        let read = read(packets, intake, Arc::clone(&signals));
        let watch = Watch { client, cluster, signals, subscriptions, own, echoes, connects: 0, dropped: 0 };
        tokio::select! {
            () = stop.cancelled() => {}
            () = read => {}
            () = watch.run() => {}
        }
    }
}

/// Moves the packets of all subscriptions into the queue.
async fn read(mut subscriptions: mpsc::Receiver<Packets>, mut intake: Intake, signals: Arc<Signals>) {
    let mut packets = SelectAll::new();
    loop {
        tokio::select! {
            Some(subscription) = subscriptions.recv() => packets.push(subscription),
            Some(packet) = packets.next() => {
                if !intake.put(packet.payload) {
                    signals.dropped();
                }
            }
            else => return,
        }
    }
}

/// Keeps the subscriptions current, and compares the node with the store when packets may be missing.
struct Watch {
    client: Client,
    cluster: Arc<Cluster>,
    signals: Arc<Signals>,
    subscriptions: Subscriptions,
    own: String,
    echoes: Subscriber,
    /// The times that the client connected.
    connects: u64,
    /// The packets that were dropped since the last comparison.
    dropped: u64,
}

impl Watch {
    async fn run(mut self) {
        let mut is_missing = self.subscriptions.update().await;
        let (mut phase, mut echo) = (Phase::Idle, 0_u64);
        loop {
            if phase == Phase::Idle && is_missing {
                is_missing = false;
                echo += 1;
                phase = self.ask(echo).await;
            }
            tokio::select! {
                () = self.subscriptions.outdated() => is_missing |= self.subscriptions.update().await,
                happened = self.signals.take() => {
                    is_missing = true;
                    self.dropped += happened.dropped;
                    self.cluster.refused.unread.add_silently(happened.dropped);
                    if self.has_connected(happened.connects) {
                        // The echo that was asked for over the last connection may never come.
                        phase = Phase::Idle;
                    }
                }
                Some(packet) = self.echoes.next() => {
                    if matches!(phase, Phase::Echo(asked, _) if packet.payload[..] == asked.to_le_bytes()) {
                        phase = Phase::Settle(Instant::now() + limits::NATS_SETTLE_TIME);
                    }
                }
                () = due(phase) => phase = match phase {
                    Phase::Echo(..) => self.ask(echo).await,
                    Phase::Settle(_) | Phase::Idle => self.compare(),
                },
            }
        }
    }

    /// Asks for an echo.
    async fn ask(&self, echo: u64) -> Phase {
        // It fails only if the client has ended.
        let _ = self.client.publish(self.own.clone(), echo.to_le_bytes().to_vec().into()).await;
        Phase::Echo(echo, Instant::now() + limits::NATS_ECHO_TIMEOUT)
    }

    /// Returns true if the client has connected. If it was connected before, packets of this node may be lost, and no other node knows.
    fn has_connected(&mut self, connects: u64) -> bool {
        self.connects += connects;
        let is_connected = connects > 0;
        if is_connected && self.connects > 1 {
            self.cluster.outbound.push(everything());
        }
        is_connected
    }

    /// Compares the node with the store.
    fn compare(&mut self) -> Phase {
        let packets = std::mem::take(&mut self.dropped);
        if packets > 0 {
            tracing::warn!(
                packets,
                "this node did not read packets of NATS in time; it reads what they told from the store"
            );
        }
        self.cluster.reconnected();
        Phase::Idle
    }
}

/// Waits for the time of a phase.
async fn due(phase: Phase) {
    match phase {
        Phase::Idle => std::future::pending().await,
        Phase::Echo(_, at) | Phase::Settle(at) => sleep_until(at).await,
    }
}
