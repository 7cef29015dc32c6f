//! The codec: envelopes as bytes, for other nodes.
//!
//! The bytes begin with [`VERSION`] and the [history](super::codec_history) of the sender's database, if it knows it. A node ignores bytes of another
//! version, and finds what they told in the store.

use bytes::Bytes;

use super::bytes::{Malformed, Reader, Writer};
use super::codec_history::{envelope_of, history_of};
use super::codec_presence::{read_presence, write_presence};
use crate::bus::{Audience, Envelope, Hints, Joined, RequestId, Selection};
use crate::domain::{ConversationId, SessionId, UserId};
use crate::registry::EncodedEvents;
use crate::store::History;

/// The version of the encoding.
pub(super) const VERSION: u8 = 1;

/// Encodes envelopes of a history, in their order.
pub(super) fn encode<'a>(history: Option<History>, envelopes: impl IntoIterator<Item = &'a Envelope>) -> Vec<u8> {
    encode_after(Vec::new(), history, envelopes)
}

/// Encodes envelopes of a history behind these bytes.
pub(super) fn encode_after<'a>(
    bytes: Vec<u8>,
    history: Option<History>,
    envelopes: impl IntoIterator<Item = &'a Envelope>,
) -> Vec<u8> {
    let mut writer = Writer::after(bytes);
    writer.u8(VERSION);
    if let Some(history) = history {
        write(&mut writer, &envelope_of(history));
    }
    for envelope in envelopes {
        write(&mut writer, envelope);
    }
    writer.finish()
}

/// Envelopes that were decoded, and their history, if they name it.
pub(super) type Decoded = (Option<History>, Vec<Envelope>);

/// Decodes envelopes. The frames in them are slices of `bytes`.
pub(super) fn decode(bytes: Bytes) -> Result<Decoded, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return Err(Malformed);
    }
    let (mut history, mut envelopes) = (None, Vec::new());
    while !reader.is_empty() {
        let envelope = read(&mut reader)?;
        match history_of(&envelope) {
            Some(named) => history = Some(named),
            None => envelopes.push(envelope),
        }
    }
    Ok((history, envelopes))
}

fn write(writer: &mut Writer, envelope: &Envelope) {
    match envelope {
        Envelope::Events(events) => {
            writer.u8(0);
            writer.list(events, write_events);
        }
        Envelope::MembershipEvent { event, joined, left, hidden } => {
            writer.u8(1);
            write_events(writer, event);
            writer.option(joined.as_ref(), |writer, joined| {
                writer.uuid(joined.user_id.0);
                writer.option(joined.frame.as_ref(), |writer, frame| writer.bytes(frame));
            });
            writer.option(left.as_ref(), write_user);
            writer.option(hidden.as_ref(), write_user);
        }
        Envelope::Created { conversation_id, members, frames } => {
            writer.u8(2);
            write_lifecycle(writer, *conversation_id, members, frames);
        }
        Envelope::Deleted { conversation_id, members, frames } => {
            writer.u8(3);
            write_lifecycle(writer, *conversation_id, members, frames);
        }
        Envelope::BlockChanged(one, other) => {
            writer.u8(4);
            write_user(writer, one);
            write_user(writer, other);
        }
        Envelope::ReceiptsSwitched { user_id, send_receipts } => {
            writer.u8(5);
            write_user(writer, user_id);
            writer.u8(u8::from(*send_receipts));
        }
        Envelope::SessionsEnded(sessions) => {
            writer.u8(6);
            writer.list(sessions, |writer, id| writer.uuid(id.0));
        }
        Envelope::Ephemeral { audience, frame } => {
            writer.u8(7);
            write_audience(writer, audience);
            writer.bytes(frame);
        }
        Envelope::Hints(Hints { heads, users, everything }) => {
            writer.u8(8);
            writer.list(heads, |writer, (id, seq)| {
                writer.uuid(id.0);
                writer.i64(*seq);
            });
            writer.list(users, write_user);
            writer.u8(u8::from(*everything));
        }
        Envelope::Presence(presence) => {
            writer.u8(9);
            write_presence(writer, presence);
        }
        Envelope::EndSessions { request, sessions } => {
            writer.u8(20);
            writer.uuid(request.0);
            writer.list(sessions, |writer, id| writer.uuid(id.0));
        }
        Envelope::Acknowledged(request) => {
            writer.u8(21);
            writer.uuid(request.0);
        }
    }
}

fn read(reader: &mut Reader) -> Result<Envelope, Malformed> {
    Ok(match reader.u8()? {
        0 => Envelope::Events(reader.list(read_events)?),
        1 => Envelope::MembershipEvent {
            event: read_events(reader)?,
            joined: reader
                .option(|reader| Ok(Joined { user_id: read_user(reader)?, frame: reader.option(Reader::bytes)? }))?,
            left: reader.option(read_user)?,
            hidden: reader.option(read_user)?,
        },
        2 => {
            let (conversation_id, members, frames) = read_lifecycle(reader)?;
            Envelope::Created { conversation_id, members, frames }
        }
        3 => {
            let (conversation_id, members, frames) = read_lifecycle(reader)?;
            Envelope::Deleted { conversation_id, members, frames }
        }
        4 => Envelope::BlockChanged(read_user(reader)?, read_user(reader)?),
        5 => Envelope::ReceiptsSwitched { user_id: read_user(reader)?, send_receipts: reader.bool()? },
        6 => Envelope::SessionsEnded(reader.list(read_session)?),
        7 => Envelope::Ephemeral { audience: read_audience(reader)?, frame: reader.bytes()? },
        8 => Envelope::Hints(Hints {
            heads: reader.list(|reader| Ok((read_conversation(reader)?, reader.i64()?)))?,
            users: reader.list(read_user)?,
            everything: reader.bool()?,
        }),
        9 => Envelope::Presence(read_presence(reader)?),
        20 => Envelope::EndSessions { request: RequestId(reader.uuid()?), sessions: reader.list(read_session)? },
        21 => Envelope::Acknowledged(RequestId(reader.uuid()?)),
        _ => return Err(Malformed),
    })
}

fn write_user(writer: &mut Writer, id: &UserId) {
    writer.uuid(id.0);
}

fn read_user(reader: &mut Reader) -> Result<UserId, Malformed> {
    Ok(UserId(reader.uuid()?))
}

fn read_session(reader: &mut Reader) -> Result<SessionId, Malformed> {
    Ok(SessionId(reader.uuid()?))
}

fn read_conversation(reader: &mut Reader) -> Result<ConversationId, Malformed> {
    Ok(ConversationId(reader.uuid()?))
}

fn write_events(writer: &mut Writer, events: &EncodedEvents) {
    writer.uuid(events.conversation_id.0);
    writer.i64(events.first_seq);
    writer.list(&events.ends, |writer, end| writer.length(*end));
    writer.bytes(&events.frames);
}

fn read_events(reader: &mut Reader) -> Result<EncodedEvents, Malformed> {
    let (conversation_id, first_seq) = (read_conversation(reader)?, reader.i64()?);
    let (ends, frames) = (reader.list(Reader::length)?, reader.bytes()?);
    let is_valid = first_seq > 0 && ends.is_sorted() && ends.last() == Some(&frames.len());
    is_valid.then_some(EncodedEvents { conversation_id, first_seq, frames, ends }).ok_or(Malformed)
}

/// The frames of a created or deleted conversation stay behind: a node reads from the store what its own users may see.
fn write_lifecycle(writer: &mut Writer, id: ConversationId, members: &[UserId], _frames: &[(UserId, Bytes)]) {
    writer.uuid(id.0);
    writer.list(members, write_user);
}

type Lifecycle = (ConversationId, Vec<UserId>, Vec<(UserId, Bytes)>);

fn read_lifecycle(reader: &mut Reader) -> Result<Lifecycle, Malformed> {
    Ok((read_conversation(reader)?, reader.list(read_user)?, Vec::new()))
}

fn write_audience(writer: &mut Writer, audience: &Audience) {
    match audience {
        Audience::Subscribers { conversation_id, except } => {
            writer.u8(0);
            writer.uuid(conversation_id.0);
            writer.list(except, write_user);
        }
        Audience::Readers { conversation_id, send_receipts, users } => {
            writer.u8(1);
            writer.uuid(conversation_id.0);
            writer.u8(u8::from(*send_receipts));
            let (is_only, users) = match users {
                Selection::AllBut(users) => (false, users),
                Selection::Only(users) => (true, users),
            };
            writer.u8(u8::from(is_only));
            writer.list(users, write_user);
        }
        Audience::Users { user_ids, conversation_id } => {
            writer.u8(2);
            writer.list(user_ids, write_user);
            writer.option(conversation_id.as_ref(), |writer, id| writer.uuid(id.0));
        }
    }
}

fn read_audience(reader: &mut Reader) -> Result<Audience, Malformed> {
    Ok(match reader.u8()? {
        0 => Audience::Subscribers { conversation_id: read_conversation(reader)?, except: reader.list(read_user)? },
        1 => Audience::Readers {
            conversation_id: read_conversation(reader)?,
            send_receipts: reader.bool()?,
            users: if reader.bool()? {
                Selection::Only(reader.list(read_user)?)
            } else {
                Selection::AllBut(reader.list(read_user)?)
            },
        },
        2 => Audience::Users { user_ids: reader.list(read_user)?, conversation_id: reader.option(read_conversation)? },
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
