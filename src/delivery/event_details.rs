//! Event details: the member or the conversation of an event, as the store has it now.

use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::domain::{Result, UserId};
use crate::registry::Registry;
use crate::store::Store;
use crate::wire::frames::EventDetails;

/// Reads the details of an event from the store. Only new system messages have details. `reader_id` is the only recipient. Without it the
/// event goes to all members, and hides a member's presence if there is a block between that member and any other.
pub async fn event_details(
    event: &Event,
    store: &dyn Store,
    registry: &Registry,
    reader_id: Option<UserId>,
) -> Result<EventDetails> {
    let mut details = EventDetails::default();
    let id = event.conversation_id;
    match event.note() {
        Some(SystemNote::MemberAdded { user_id, .. } | SystemNote::MemberUpdated { user_id, .. }) => {
            if let Some(member) = store.member(id, *user_id).await? {
                let is_hidden = match reader_id {
                    Some(reader_id) => !store.blocks_with(reader_id, &[*user_id]).await?.is_empty(),
                    None => store.has_block_in(id, *user_id).await?,
                };
                details.member = Some((member, (!is_hidden).then(|| registry.status(*user_id))));
            }
        }
        Some(SystemNote::ConversationUpdated { .. }) => details.conversation = store.conversation(id).await?,
        Some(SystemNote::MemberRemoved { .. } | SystemNote::Other { .. }) | None => {}
    }
    Ok(details)
}
