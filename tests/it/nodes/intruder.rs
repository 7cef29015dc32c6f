//! An intruder: a client that can read and write on the bus of the nodes, and does not know their secret.

use async_nats::{Client, Subscriber};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use futures_util::{FutureExt, StreamExt};

use super::strangers::Tap;
use crate::support::nats::Nats;
use crate::support::postgres::connect;
use crate::support::rng::Rng;

/// Packets that the intruder writes before it waits until the bus has taken them.
const AT_A_TIME: u64 = 100;
/// The length of the longest garbage, in bytes. As base64, PostgreSQL takes it.
const GARBAGE_BYTES: u64 = 4_000;

/// A packet, with its subject on NATS.
struct Packet {
    subject: String,
    bytes: Vec<u8>,
}

pub(super) enum Intruder {
    Notify(Tap),
    Nats { client: Client, subscriber: Subscriber },
}

impl Intruder {
    /// Listens to what the nodes of this database tell each other, by notifications if there is no NATS.
    pub(super) async fn on(url: &str, nats: Option<&Nats>) -> Self {
        let Some(nats) = nats else { return Self::Notify(Tap::on(url).await) };
        let id = connect(url).await.query_one("SELECT id::text FROM cluster", &[]).await.unwrap();
        let client = async_nats::connect(nats.url("")).await.unwrap();
        let subscriber = client.subscribe(format!("chinwag.{}.*", id.get::<_, &str>(0))).await.unwrap();
        client.flush().await.unwrap();
        Self::Nats { client, subscriber }
    }

    /// Floods the bus with garbage, copies and altered copies of the packets that have come so far, until the future is dropped.
    pub(super) async fn flood(mut self, mut rng: Rng) {
        let seen = self.seen().await;
        loop {
            let some: Vec<Packet> = (0..AT_A_TIME).map(|_| forged(&seen, &mut rng)).collect();
            self.write(some).await;
        }
    }

    /// Returns the packets that have come, at least one, and listens no more.
    async fn seen(&mut self) -> Vec<Packet> {
        match self {
            Self::Notify(tap) => {
                let first = tap.payloads.recv().await;
                tap.client.batch_execute("UNLISTEN *").await.unwrap();
                let payloads = first.into_iter().chain(std::iter::from_fn(|| tap.payloads.try_recv().ok()));
                payloads.map(|text| Packet { subject: String::new(), bytes: BASE64.decode(text).unwrap() }).collect()
            }
            Self::Nats { client, subscriber } => {
                let first = subscriber.next().await;
                subscriber.unsubscribe().await.unwrap();
                client.flush().await.unwrap();
                let come = first.into_iter().chain(std::iter::from_fn(|| subscriber.next().now_or_never().flatten()));
                come.map(|come| Packet { subject: come.subject.to_string(), bytes: come.payload.into() }).collect()
            }
        }
    }

    async fn write(&self, packets: Vec<Packet>) {
        match self {
            Self::Notify(tap) => {
                let payloads: Vec<String> = packets.iter().map(|packet| BASE64.encode(&packet.bytes)).collect();
                let notify = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload";
                tap.client.execute(notify, &[&tap.channel, &payloads]).await.unwrap();
            }
            Self::Nats { client, .. } => {
                for packet in packets {
                    client.publish(packet.subject, packet.bytes.into()).await.unwrap();
                }
                client.flush().await.unwrap();
            }
        }
    }
}

/// Returns a copy of a packet, an altered copy, or garbage on the subject of one.
fn forged(seen: &[Packet], rng: &mut Rng) -> Packet {
    let packet = &seen[usize::try_from(rng.in_range(0..seen.len() as u64)).unwrap()];
    let mut bytes = packet.bytes.clone();
    match rng.in_range(0..3) {
        0 => {}
        1 => {
            let at = usize::try_from(rng.in_range(0..bytes.len() as u64)).unwrap();
            bytes[at] ^= 1;
        }
        _ => {
            let length = rng.in_range(0..GARBAGE_BYTES);
            bytes = (0..length).map(|_| u8::try_from(rng.in_range(0..256)).unwrap()).collect();
        }
    }
    Packet { subject: packet.subject.clone(), bytes }
}
