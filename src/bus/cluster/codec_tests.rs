//! The codec returns each kind of envelope as it was, and refuses every cut.

use bytes::Bytes;

use super::{decode, encode};
use crate::bus::{Audience, Envelope, Hints, Joined, RequestId, Selection};
use crate::domain::{ConversationId, SessionId, UserId};
use crate::registry::EncodedEvents;

fn events() -> EncodedEvents {
    let frames = Bytes::from_static(b"{\"seq\":7}{\"seq\":8}");
    EncodedEvents { conversation_id: ConversationId::new(), first_seq: 7, frames, ends: vec![9, 18] }
}

fn one_of_each() -> Vec<Envelope> {
    let (id, one, other) = (ConversationId::new(), UserId::new(), UserId::new());
    let frame = Bytes::from_static(b"{}");
    let ephemeral = |audience| Envelope::Ephemeral { audience, frame: Bytes::from_static(b"{\"type\":\"typing\"}") };
    let readers = |users| Audience::Readers { conversation_id: id, send_receipts: true, users };
    vec![
        Envelope::Events(vec![events(), events()]),
        Envelope::MembershipEvent {
            event: events(),
            joined: Some(Joined { user_id: one, frame: Some(frame) }),
            left: None,
            hidden: Some(other),
        },
        Envelope::MembershipEvent { event: events(), joined: None, left: Some(other), hidden: None },
        Envelope::Created { conversation_id: id, members: vec![one, other], frames: Vec::new() },
        Envelope::Deleted { conversation_id: id, members: vec![one], frames: Vec::new() },
        Envelope::BlockChanged(one, other),
        Envelope::ReceiptsSwitched { user_id: one, send_receipts: true },
        Envelope::SessionsEnded(vec![SessionId::new(), SessionId::new()]),
        ephemeral(Audience::Subscribers { conversation_id: id, except: vec![one] }),
        ephemeral(readers(Selection::Only(vec![other]))),
        ephemeral(readers(Selection::AllBut(Vec::new()))),
        ephemeral(Audience::Users { user_ids: vec![one, other], conversation_id: Some(id) }),
        ephemeral(Audience::Users { user_ids: vec![one], conversation_id: None }),
        Envelope::Hints(Hints { heads: vec![(id, 5)], users: vec![one], everything: true }),
        Envelope::EndSessions { request: RequestId(id.0), sessions: vec![SessionId::new(), SessionId::new()] },
        Envelope::Acknowledged(RequestId(id.0)),
    ]
}

#[test]
fn each_kind_arrives_as_it_was() {
    let sent = one_of_each();
    let received = decode(encode(&sent).into()).expect("valid");
    assert_eq!(format!("{received:?}"), format!("{sent:?}"));
}

#[test]
fn every_cut_is_refused_or_ends_between_two_envelopes() {
    let sent = one_of_each();
    let bytes = Bytes::from(encode(&sent));
    let mut whole = 0;
    for end in 1..bytes.len() {
        if let Ok(envelopes) = decode(bytes.slice(..end)) {
            assert_eq!(envelopes.len(), whole, "nothing is made up");
            whole += 1;
        }
    }
    assert_eq!(whole, sent.len());
}

#[test]
fn bytes_of_another_version_and_lengths_that_lie_are_refused() {
    let mut bytes = encode(&one_of_each());
    bytes[0] += 1;
    assert!(decode(bytes.into()).is_err());
    // A list of four billion sessions in no bytes at all.
    assert!(decode(Bytes::from_static(&[1, 6, 255, 255, 255, 255])).is_err());
    assert!(decode(Bytes::from_static(&[1, 200])).is_err(), "a kind that is not known");
}

#[test]
fn events_whose_ends_do_not_fit_their_frames_are_refused() {
    for ends in [vec![18, 9], vec![9, 19], vec![], vec![9]] {
        let events = EncodedEvents { ends, ..events() };
        assert!(decode(encode(&[Envelope::Events(vec![events])]).into()).is_err());
    }
    let events = EncodedEvents { first_seq: 0, ..events() };
    assert!(decode(encode(&[Envelope::Events(vec![events])]).into()).is_err());
}
