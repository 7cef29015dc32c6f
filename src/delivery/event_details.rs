//! Event details: the member or the conversation of an event, as the store has it now.

use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::domain::{Result, UserId};
use crate::registry::Registry;
use crate::store::Store;
use crate::wire::frames::EventDetails;

/// Reads the details of an event from the store. Only new system messages have details. `reader_id` is the only recipient. Without it the
/// event goes to all members and hides the member's presence: one of them may have a block with the member, and a presence that was hidden from
/// all for that reason alone would tell the others of the block.
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
                    None => true,
                };
                details.member = Some((member, (!is_hidden).then(|| registry.status(*user_id))));
            }
        }
        Some(SystemNote::ConversationUpdated { .. }) => details.conversation = store.conversation(id).await?,
        Some(SystemNote::MemberRemoved { .. } | SystemNote::Other { .. }) | None => {}
    }
    Ok(details)
}
