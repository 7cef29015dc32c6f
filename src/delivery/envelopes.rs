//! Parcels: an event made ready for delivery, with what goes with it.

use bytes::Bytes;
use tokio::time::timeout;

use super::encode::encode;
use super::event_details::subject_of;
use crate::bus::{Joined, Parcel};
use crate::domain::event::{Event, Happening};
use crate::domain::message::Note;
use crate::domain::{ConversationId, UserId};
use crate::limits;
use crate::registry::{Registry, Run};
use crate::store::Store;
use crate::wire::frames;

/// The parcel of an event. What the store cannot tell in time is left out: the event is committed, and goes without.
pub async fn parcel_of(event: &Event, store: &dyn Store, registry: &Registry) -> Parcel {
    let Event { seq, happening: Happening::Created, message } = event else {
        return Parcel::Numbered(encode(std::iter::once(event)));
    };
    let conversation_id = message.conversation_id;
    let mut left = None;
    let mut joined = None;
    match message.note {
        None => return Parcel::Numbered(encode(std::iter::once(event))),
        Some(Note::MemberAdded { user_id, .. }) => {
            let told = timeout(limits::FILL_TIMEOUT, told_of(conversation_id, user_id, store, registry)).await;
            joined = Some(Joined { user_id, told: told.ok().flatten() });
        }
        Some(Note::MemberRemoved { user_id }) => left = Some(user_id),
        Some(Note::MemberUpdated { .. } | Note::ConversationUpdated { .. }) => {}
    }
    let subject = timeout(limits::FILL_TIMEOUT, subject_of(event, store, registry)).await;
    let mut frames = Vec::new();
    frames::put_event(&mut frames, event, &subject.ok().and_then(Result::ok).unwrap_or_default());
    let ends = vec![frames.len()];
    let run = Run { conversation_id, first_seq: *seq, frames: frames.into(), ends };
    Parcel::Moved { run, joined, left }
}

/// The frame that tells somebody who is connected here that they are in a conversation now.
async fn told_of(id: ConversationId, user_id: UserId, store: &dyn Store, registry: &Registry) -> Option<Bytes> {
    if registry.of_user(user_id).is_empty() {
        return None;
    }
    let conversation = store.conversation(id).await.ok().flatten()?;
    let version = store.membership_version(user_id).await.ok()?;
    Some(frames::conversation_told("conversation.created", &conversation, version))
}
