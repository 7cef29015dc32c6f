//! The receiver: takes the packets of other nodes from the client of NATS, and notices when some may be missing.

use std::sync::Arc;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
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
/// client that connects again, and packets are missed too when the client or this node drops some. So this node then asks NATS, and compares itself
/// with the store after the answer. The question is a packet that wants a reply, on a subject without subscriptions: NATS replies at once that there are no
/// responders (ADR-4 of NATS, since 2.2). It takes what a client sends in order, so its reply says that the subscriptions have begun.
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
    /// The question with this number has no answer. At this time the node goes on without one: somebody may listen to all subjects, who does not answer.
    Asked(u64, Instant),
    /// The node compares itself at this time.
    Settle(Instant),
}

impl Receiver {
    /// Takes packets until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self { client, cluster, subjects, signals, subscriptions, packets, intake } = self;
        let questions = subjects.questions(Uuid::now_v7());
        // It fails only if the client has ended.
        let Ok(answers) = client.subscribe(format!("{questions}.*")).await else { return };
        let read = read(packets, intake, Arc::clone(&signals));
        let watch = Watch { client, cluster, signals, subscriptions, questions, answers, connects: 0, dropped: 0 };
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
    /// The subject of the questions. That of an answer has the question's number too.
    questions: String,
    answers: Subscriber,
    /// The times that the client connected.
    connects: u64,
    /// The packets that were dropped since the last comparison.
    dropped: u64,
}

impl Watch {
    async fn run(mut self) {
        let mut is_missing = self.subscriptions.update().await;
        let (mut phase, mut question) = (Phase::Idle, 0_u64);
        loop {
            if phase == Phase::Idle && is_missing {
                is_missing = false;
                question += 1;
                phase = self.ask(question).await;
            }
            tokio::select! {
                () = self.subscriptions.outdated() => is_missing |= self.subscriptions.update().await,
                happened = self.signals.take() => {
                    is_missing = true;
                    self.dropped += happened.dropped;
                    self.cluster.refused.unread.add_silently(happened.dropped);
                    if self.has_connected(happened.connects) {
                        // NATS does not answer a question of the last connection over this one.
                        phase = Phase::Idle;
                    }
                }
                Some(answer) = self.answers.next() => {
                    if matches!(phase, Phase::Asked(asked, _) if answer.subject.as_str() == self.answer(asked)) {
                        phase = Phase::Settle(Instant::now() + limits::NATS_SETTLE_TIME);
                    }
                }
                () = due(phase) => phase = self.compare(),
            }
        }
    }

    /// Asks NATS if it has taken what the client sent before.
    async fn ask(&self, question: u64) -> Phase {
        let reply = self.answer(question);
        // It fails only if the client has ended.
        let _ = self.client.publish_with_reply(self.questions.clone(), reply, Bytes::new()).await;
        Phase::Asked(question, Instant::now() + limits::NATS_ANSWER_TIMEOUT)
    }

    /// Returns the subject of an answer.
    fn answer(&self, question: u64) -> String {
        format!("{}.{question}", self.questions)
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
        Phase::Asked(_, at) | Phase::Settle(at) => sleep_until(at).await,
    }
}
