//! Envelopes: an event made ready for the bus, with what goes with it.

use bytes::Bytes;
use tokio::time::timeout;

use super::encode::encode;
use super::event_details::event_details;
use crate::bus::{Envelope, Joined};
use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::domain::{ConversationId, UserId};
use crate::limits;
use crate::registry::{EncodedEvents, Registry};
use crate::store::Store;
use crate::wire::frames;

/// Returns true if an event goes with others in one envelope: it has no details, and changes nobody's subscriptions.
pub fn is_plain(event: &Event) -> bool {
    event.message.as_ref().is_none_or(|message| message.note.is_none())
}

/// The envelope of one event. Details that the store cannot give in time are left out: the event is committed, and goes without.
pub async fn envelope_of(event: &Event, store: &dyn Store, registry: &Registry) -> Envelope {
    let Some(note) = event.message.as_ref().and_then(|message| message.note.as_ref()) else {
        return Envelope::Events(encode(std::iter::once(event)));
    };
    let conversation_id = event.conversation_id;
    let (mut joined, mut left) = (None, None);
    match note {
        SystemNote::MemberAdded { user_id, .. } => {
            let frame =
                timeout(limits::BACKFILL_TIMEOUT, created_frame(conversation_id, *user_id, store, registry)).await;
            joined = Some(Joined { user_id: *user_id, frame: frame.ok().flatten() });
        }
        SystemNote::MemberRemoved { user_id } => left = Some(*user_id),
        SystemNote::MemberUpdated { .. } | SystemNote::ConversationUpdated { .. } | SystemNote::Other { .. } => {}
    }
    let details = timeout(limits::BACKFILL_TIMEOUT, event_details(event, store, registry)).await;
    let mut frames = Vec::new();
    frames::write_event(&mut frames, event, &details.ok().and_then(Result::ok).unwrap_or_default());
    let ends = vec![frames.len()];
    let event = EncodedEvents { conversation_id, first_seq: event.seq, frames: frames.into(), ends };
    Envelope::MembershipEvent { event, joined, left }
}

/// The frame `conversation.created` for a user who is connected here.
async fn created_frame(id: ConversationId, user_id: UserId, store: &dyn Store, registry: &Registry) -> Option<Bytes> {
    if registry.of_user(user_id).is_empty() {
        return None;
    }
    let conversation = store.conversation(id).await.ok().flatten()?;
    let version = store.membership_version(user_id).await.ok()?;
    Some(frames::conversation_lifecycle("conversation.created", &conversation, version))
}
