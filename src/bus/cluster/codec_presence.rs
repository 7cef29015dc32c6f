//! The codec of presence between nodes.

use super::bytes::{Malformed, Reader, Writer};
use crate::bus::{NodePresence, PresenceChange, PresenceNews};
use crate::domain::user::Status;
use crate::domain::{ConversationId, Incarnation, UserId};

pub(super) fn write_presence(writer: &mut Writer, presence: &NodePresence) {
    writer.uuid(presence.node.0);
    writer.i64(presence.version);
    match &presence.news {
        PresenceNews::Changes(changes) => {
            writer.u8(0);
            writer.list(changes, write_change);
        }
        PresenceNews::Beat { users, digest } => {
            writer.u8(1);
            writer.length(*users);
            writer.i64(digest.cast_signed());
        }
        PresenceNews::State { part, parts, users } => {
            writer.u8(2);
            writer.length(*part);
            writer.length(*parts);
            writer.list(users, |writer, (user_id, status)| {
                writer.uuid(user_id.0);
                write_status(writer, *status);
            });
        }
        PresenceNews::Request(node) => {
            writer.u8(3);
            writer.uuid(node.0);
        }
        PresenceNews::Goodbye => writer.u8(4),
    }
}

pub(super) fn read_presence(reader: &mut Reader) -> Result<NodePresence, Malformed> {
    let (node, version) = (Incarnation(reader.uuid()?), reader.i64()?);
    let news = match reader.u8()? {
        0 => PresenceNews::Changes(reader.list(read_change)?),
        1 => PresenceNews::Beat { users: reader.length()?, digest: reader.i64()?.cast_unsigned() },
        2 => {
            let (part, parts) = (reader.length()?, reader.length()?);
            PresenceNews::State { part, parts, users: reader.list(read_entry)? }
        }
        3 => PresenceNews::Request(Incarnation(reader.uuid()?)),
        4 => PresenceNews::Goodbye,
        _ => return Err(Malformed),
    };
    Ok(NodePresence { node, version, news })
}

fn write_change(writer: &mut Writer, change: &PresenceChange) {
    writer.uuid(change.user_id.0);
    write_status(writer, change.status);
    writer.option(change.conversations.as_ref(), |writer, ids| {
        writer.list(ids, |writer, id: &ConversationId| writer.uuid(id.0));
    });
}

fn read_change(reader: &mut Reader) -> Result<PresenceChange, Malformed> {
    let (user_id, status) = read_entry(reader)?;
    let conversations = reader.option(|reader| reader.list(|reader| Ok(ConversationId(reader.uuid()?))))?;
    Ok(PresenceChange { user_id, status, conversations })
}

fn read_entry(reader: &mut Reader) -> Result<(UserId, Status), Malformed> {
    Ok((UserId(reader.uuid()?), read_status(reader)?))
}

fn write_status(writer: &mut Writer, status: Status) {
    writer.u8(match status {
        Status::Offline => 0,
        Status::Away => 1,
        Status::Online => 2,
    });
}

fn read_status(reader: &mut Reader) -> Result<Status, Malformed> {
    Ok(match reader.u8()? {
        0 => Status::Offline,
        1 => Status::Away,
        2 => Status::Online,
        _ => return Err(Malformed),
    })
}
