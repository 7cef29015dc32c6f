//! Tests of packets that are as small as a server wants them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::pack;
use crate::bus::cluster::handshake::tests::{Recorder, introduce};
use crate::bus::cluster::{Cluster, SEAL_BYTES, Seal};
use crate::bus::{Audience, Envelope};
use crate::domain::{ConversationId, Incarnation, SessionId, UserId};
use crate::registry::EncodedEvents;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// Bytes of a packet in these tests.
const MAX: usize = 256;

/// Returns the envelopes that another node gets in packets of at most `max` bytes.
fn carried(envelopes: &[Envelope], max: usize) -> Vec<Envelope> {
    let inbox = Arc::<Recorder>::default();
    let node = |inbox: &Arc<Recorder>| {
        let seal = Seal::new(SECRET, Uuid::nil(), Incarnation::new());
        Cluster::new(Arc::clone(inbox) as _, seal, Arc::default())
    };
    let (sender, other) = (node(&Arc::default()), node(&inbox));
    introduce(&sender, &other);
    let mut packets = Vec::new();
    pack(&sender, None, envelopes, max, &mut packets);
    for packet in packets {
        assert!(packet.len() <= max, "{} bytes", packet.len());
        other.receive(&packet);
    }
    std::mem::take(&mut *inbox.0.lock().expect("not poisoned"))
}

fn events(conversation_id: ConversationId, lengths: &[usize]) -> EncodedEvents {
    let ends = lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    let ends: Vec<usize> = ends.collect();
    let frames = (0_u8..).take(ends.last().copied().unwrap_or(0)).collect::<Vec<u8>>();
    EncodedEvents { conversation_id, first_seq: 7, frames: Bytes::from(frames), ends }
}

#[test]
fn a_batch_is_split_and_every_event_arrives() {
    let id = ConversationId::new();
    let batch = events(id, &[40, 1, 90, 30, 60]);
    let other = events(ConversationId::new(), &[20]);
    let arrived = carried(&[Envelope::Events(vec![batch.clone(), other])], MAX);
    let mut bytes = Vec::new();
    let mut next = batch.first_seq;
    for events in arrived.iter().flat_map(|envelope| match envelope {
        Envelope::Events(events) => events.clone(),
        other => panic!("{other:?}"),
    }) {
        if events.conversation_id == id {
            assert_eq!((events.first_seq, events.ends.last()), (next, Some(&events.frames.len())));
            next = events.last_seq() + 1;
            bytes.extend(events.frames);
        }
    }
    assert_eq!((next, bytes.as_slice()), (batch.last_seq() + 1, &batch.frames[..]));
}

#[test]
fn an_event_that_does_not_fit_goes_as_its_head() {
    let id = ConversationId::new();
    let arrived = carried(&[Envelope::Events(vec![events(id, &[250])])], MAX);
    assert!(matches!(&arrived[..], [Envelope::Hints(hints)] if hints.heads == [(id, 7)]), "{arrived:?}");
}

#[test]
fn all_else_that_does_not_fit_comes_in_fragments() {
    let members: Vec<UserId> = (0..100).map(|_| UserId::new()).collect();
    let created =
        Envelope::Created { conversation_id: ConversationId::new(), members: members.clone(), frames: vec![] };
    let audience = Audience::Users { user_ids: members.clone(), conversation_id: None };
    let ended = Envelope::SessionsEnded((0..100).map(|_| SessionId::new()).collect());
    let frame = Envelope::Ephemeral { audience, frame: Bytes::from_static(b"{}") };
    let arrived = carried(&[created, ended.clone(), frame.clone()], MAX);
    let [Envelope::Hints(hints), others @ ..] = &arrived[..] else { panic!("{arrived:?}") };
    assert_eq!(hints.users.iter().collect::<BTreeSet<_>>(), members.iter().collect());
    assert_eq!(format!("{others:?}"), format!("{:?}", [ended, frame]));
}

#[test]
fn a_server_that_takes_almost_nothing_gets_few_packets_in_vain() {
    let events = Envelope::Events(vec![events(ConversationId::new(), &[1, 1])]);
    let mut packets = Vec::new();
    let seal = Seal::new(SECRET, Uuid::nil(), Incarnation::new());
    let node = Cluster::new(Arc::<Recorder>::default(), seal, Arc::default());
    pack(&node, None, &[events, Envelope::Events(vec![])], SEAL_BYTES, &mut packets);
    assert!(packets.len() < 300, "{}", packets.len());
}
