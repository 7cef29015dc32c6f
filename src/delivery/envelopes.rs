//! Envelopes: makes the envelope of an event, with its details and its joins and leaves.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::encode::encode;
use super::event_details::event_details;
use crate::bus::{Envelope, Joined};
use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::domain::{ConversationId, UserId};
use crate::registry::{EncodedEvents, Registry};
use crate::store::Store;
use crate::wire::frames;

/// Returns true if an event can share an envelope with others: it has no details, and changes no subscriptions.
pub fn can_share_envelope(event: &Event) -> bool {
    event.note().is_none()
}

/// Returns the envelope of one event. Leaves out details that the store does not return before `deadline`, because the event is committed
/// and must be delivered.
pub async fn envelope_of(event: &Event, store: &dyn Store, registry: &Registry, deadline: Instant) -> Envelope {
    let Some(note) = event.note() else {
        return Envelope::Events(encode(std::iter::once(event)));
    };
    let conversation_id = event.conversation_id;
    let (mut joined, mut left) = (None, None);
    match note {
        SystemNote::MemberAdded { user_id, .. } => {
            let frame = conversation_created(conversation_id, *user_id, store, registry);
            let frame = timeout_at(deadline, frame).await;
            joined = Some(Joined { user_id: *user_id, frame: frame.ok().flatten() });
        }
        SystemNote::MemberRemoved { user_id } => left = Some(*user_id),
        SystemNote::MemberUpdated { .. } | SystemNote::ConversationUpdated { .. } | SystemNote::Other { .. } => {}
    }
    let details = timeout_at(deadline, event_details(event, store, None)).await;
    let mut details = details.ok().and_then(Result::ok).unwrap_or_default();
    if let Some(user_id) = left {
        // A replay has none: whoever gets one was told the version by `hello`.
        details.membership_version =
            timeout_at(deadline, store.membership_version(user_id)).await.ok().and_then(Result::ok);
    }
    let hidden = details.member.as_ref().filter(|details| details.status.is_none());
    let hidden = hidden.map(|details| details.member.user.id);
    let mut frames = Vec::new();
    frames::write_event(&mut frames, event, &details);
    let ends = vec![frames.len()];
    let event = EncodedEvents { conversation_id, first_seq: event.seq, frames: frames.into(), ends };
    Envelope::MembershipEvent { event, joined, left, hidden }
}

/// Encodes `conversation.created` for a user. Returns `None` if the user is not connected to this node, or if the store fails.
async fn conversation_created(
    id: ConversationId,
    user_id: UserId,
    store: &dyn Store,
    registry: &Registry,
) -> Option<Bytes> {
    if registry.of_user(user_id).is_empty() {
        return None;
    }
    let conversation = store.conversation(id).await.ok().flatten()?;
    let version = store.membership_version(user_id).await.ok()?;
    Some(frames::conversation_lifecycle("conversation.created", &conversation, version))
}
