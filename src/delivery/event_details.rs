//! Event details: the member or the conversation of an event, as the store has it now.

use crate::domain::Result;
use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::registry::Registry;
use crate::store::Store;
use crate::wire::frames::EventDetails;

/// Reads the details of an event from the store. Only new system messages have details.
pub async fn event_details(event: &Event, store: &dyn Store, registry: &Registry) -> Result<EventDetails> {
    let mut details = EventDetails::default();
    let id = event.conversation_id;
    match event.note() {
        Some(SystemNote::MemberAdded { user_id, .. } | SystemNote::MemberUpdated { user_id, .. }) => {
            let member = store.member(id, *user_id).await?;
            details.member = member.map(|member| (member, registry.status(*user_id)));
        }
        Some(SystemNote::ConversationUpdated { .. }) => details.conversation = store.conversation(id).await?,
        Some(SystemNote::MemberRemoved { .. } | SystemNote::Other { .. }) | None => {}
    }
    Ok(details)
}
