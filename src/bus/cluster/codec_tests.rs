//! The codec returns each kind of envelope as it was, and refuses every cut.

use bytes::Bytes;

use super::super::SEAL_BYTES;
use super::super::bytes::Reader;
use super::{VERSION, decode, encode, read};
use crate::bus::{Audience, Envelope, Hints, Joined, NodePresence, PresenceChange, PresenceNews, RequestId, Selection};
use crate::domain::user::Status;
use crate::domain::{ConversationId, Incarnation, SessionId, UserId};
use crate::limits::PRESENCE_PART_BYTES;
use crate::registry::EncodedEvents;
use crate::store::History;

const HISTORY: Option<History> = Some(History { cluster: -7_420, timeline: 26 });

fn events() -> EncodedEvents {
    let frames = Bytes::from_static(b"{\"seq\":7}{\"seq\":8}");
    EncodedEvents { conversation_id: ConversationId::new(), first_seq: 7, frames, ends: vec![9, 18] }
}

fn one_of_each() -> Vec<Envelope> {
    let (id, one, other) = (ConversationId::new(), UserId::new(), UserId::new());
    let frame = Bytes::from_static(b"{}");
    let ephemeral = |audience| Envelope::Ephemeral { audience, frame: Bytes::from_static(b"{\"type\":\"typing\"}") };
    let presence = |news| Envelope::Presence(NodePresence { node: Incarnation::new(), version: 3, news });
    let change = |status, conversations| PresenceChange { user_id: one, status, conversations };
    let changes = vec![
        change(Status::Online, Some(vec![id, ConversationId::new()])),
        change(Status::Away, Some(vec![])),
        change(Status::Offline, None),
    ];
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
        presence(PresenceNews::Changes(changes)),
        presence(PresenceNews::Beat { users: 10_000, digest: u64::MAX - 1 }),
        presence(PresenceNews::State { part: 1, parts: 2, users: vec![(one, Status::Online), (other, Status::Away)] }),
        presence(PresenceNews::Request(Incarnation::new())),
        presence(PresenceNews::Goodbye),
        Envelope::EndSessions { request: RequestId(id.0), sessions: vec![SessionId::new(), SessionId::new()] },
        Envelope::Acknowledged(RequestId(id.0)),
    ]
}

#[test]
fn each_kind_arrives_as_it_was() {
    let sent = one_of_each();
    for history in [HISTORY, None] {
        let (named, received) = decode(encode(history, &sent).into()).expect("valid");
        assert_eq!((named, format!("{received:?}")), (history, format!("{sent:?}")));
    }
}

/// A node that does not know of histories reads envelopes until the bytes end.
#[test]
fn a_history_is_a_hint_about_nobody_to_nodes_of_before() {
    let sent = one_of_each();
    let mut reader = Reader::new(encode(HISTORY, &sent).into());
    assert_eq!(reader.u8(), Ok(VERSION));
    let first = read(&mut reader).expect("valid").hints().expect("hints");
    assert!(first.heads.is_empty() && !first.everything, "{first:?}");
    let [nobody] = first.users[..] else { panic!("{first:?}") };
    assert!(nobody > UserId::new(), "the id of a user begins with the time of its registration");
    for envelope in &sent {
        assert_eq!(format!("{:?}", read(&mut reader).expect("valid")), format!("{envelope:?}"));
    }
    assert!(reader.is_empty());
}

/// The figures of docs/performance.md, "Presence of ten nodes".
#[test]
fn presence_takes_the_bytes_that_are_written_down() {
    let bytes = |news| {
        let node = Incarnation::new();
        SEAL_BYTES + encode(HISTORY, &[Envelope::Presence(NodePresence { node, version: 1, news })]).len()
    };
    let ids = (0..20).map(|_| ConversationId::new()).collect();
    let change = PresenceChange { user_id: UserId::new(), status: Status::Online, conversations: Some(ids) };
    assert_eq!(bytes(PresenceNews::Changes(vec![change.clone()])), 455);
    assert_eq!(bytes(PresenceNews::Changes(vec![change; 5])), 113 + 5 * 342);
    assert_eq!(bytes(PresenceNews::Beat { users: 10_000, digest: 0 }), 121);
    let part = |users| PresenceNews::State { part: 0, parts: 35, users: vec![(UserId::new(), Status::Online); users] };
    let per_part = PRESENCE_PART_BYTES / 17;
    assert_eq!((per_part, 10_000_usize.div_ceil(per_part)), (294, 35));
    assert_eq!(bytes(part(per_part)), 121 + 17 * 294);
    assert!(bytes(part(per_part)).div_ceil(3) * 4 < 8_000, "it fits into a NOTIFY");
    assert_eq!(34 * bytes(part(per_part)) + bytes(part(10_000 - 34 * per_part)), 174_235);
}

#[test]
fn every_cut_is_refused_or_ends_between_two_envelopes() {
    let sent = one_of_each();
    let bytes = Bytes::from(encode(None, &sent));
    let mut whole = 0;
    for end in 1..bytes.len() {
        if let Ok((_, envelopes)) = decode(bytes.slice(..end)) {
            assert_eq!(envelopes.len(), whole, "nothing is made up");
            whole += 1;
        }
    }
    assert_eq!(whole, sent.len());
}

#[test]
fn bytes_of_another_version_and_lengths_that_lie_are_refused() {
    let mut bytes = encode(None, &one_of_each());
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
        assert!(decode(encode(None, &[Envelope::Events(vec![events])]).into()).is_err());
    }
    let events = EncodedEvents { first_seq: 0, ..events() };
    assert!(decode(encode(None, &[Envelope::Events(vec![events])]).into()).is_err());
}
