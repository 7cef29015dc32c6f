//! Event details: the member or the conversation of an event, as the store has it now.

use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::domain::{Result, UserId};
use crate::registry::Registry;
use crate::store::Store;
use crate::wire::frames::{EventDetails, MemberDetails};

/// Reads the details of an event from the store. Only new system messages have details. `reader_id` is the only recipient. Without it the
/// event goes to all members and hides the member's presence: one of them may have a block with the member, and a presence that was hidden from
/// all for that reason alone would tell the others of the block. It hides how far the member has read too, because a recipient may have switched
/// read receipts off.
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
                let (status, shows_read) = match reader_id {
                    Some(reader_id) => {
                        let is_blocked = !store.blocks_with(reader_id, &[*user_id]).await?.is_empty();
                        let is_hidden = !store.hidden_readers(reader_id, &[*user_id]).await?.is_empty();
                        ((!is_blocked).then(|| registry.status(*user_id)), !is_hidden)
                    }
                    None => (None, false),
                };
                details.member = Some(MemberDetails { member, status, shows_read });
            }
        }
        Some(SystemNote::ConversationUpdated { .. }) => details.conversation = store.conversation(id).await?,
        Some(SystemNote::MemberRemoved { .. } | SystemNote::Other { .. }) | None => {}
    }
    Ok(details)
}
