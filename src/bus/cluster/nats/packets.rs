//! Packets: envelopes in as few packets as the server takes.

use crate::bus::cluster::Cluster;
use crate::bus::{Envelope, Hints};
use crate::registry::EncodedEvents;
use crate::store::History;

/// Adds packets of at most `max` bytes, for envelopes of a history.
pub(super) fn pack(
    cluster: &Cluster,
    history: Option<History>,
    envelopes: &[Envelope],
    max: usize,
    packets: &mut Vec<Vec<u8>>,
) {
    let packet = cluster.packet(history, envelopes);
    if packet.len() <= max {
        return packets.push(packet);
    }
    match envelopes {
        [] => {}
        [envelope] => reduce(cluster, history, envelope, max, packets),
        _ => {
            let (first, second) = envelopes.split_at(envelopes.len() / 2);
            pack(cluster, history, first, max, packets);
            pack(cluster, history, second, max, packets);
        }
    }
}

/// Adds packets of one envelope that is too large: batches of events are split, and all else goes in its short form or in fragments.
fn reduce(cluster: &Cluster, history: Option<History>, envelope: &Envelope, max: usize, packets: &mut Vec<Vec<u8>>) {
    let halves = match envelope {
        Envelope::Events(events) if events.len() > 1 => {
            let (first, second) = events.split_at(events.len() / 2);
            Some([first, second].map(|events| Envelope::Events(events.to_vec())))
        }
        Envelope::Events(events) => {
            let halves = events.first().and_then(EncodedEvents::halves);
            halves.map(|halves| halves.map(|events| Envelope::Events(vec![events])))
        }
        _ => None,
    };
    match halves {
        Some(halves) => pack(cluster, history, &halves, max, packets),
        None => packets.extend(cluster.small_packets(history, std::slice::from_ref(envelope), max)),
    }
}

/// Returns the hint to compare everything with the store.
pub(super) fn everything() -> Envelope {
    Envelope::Hints(Hints { everything: true, ..Hints::default() })
}

#[cfg(test)]
#[path = "packets_tests.rs"]
mod tests;
