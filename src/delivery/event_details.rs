//! Event details: the member or the conversation of an event, as the store has it now.

use super::presence_changes::PresenceChanges;
use crate::domain::event::Event;
use crate::domain::message::SystemNote;
use crate::domain::{Result, UserId};
use crate::store::Store;
use crate::wire::frames::{EventDetails, MemberDetails};
use crate::wire::objects::ShownReceipts;

/// The only recipient of an event.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Reader<'a> {
    pub user_id: UserId,
    pub presence: &'a dyn PresenceChanges,
}

/// Reads the details of an event from the store. Only new system messages have details. `reader` is the only recipient. Without it the
/// event goes to all members and hides the member's presence and receipts: one of them may have a block with the member, and what was hidden from
/// all for that reason alone would tell the others of the block.
pub async fn event_details(event: &Event, store: &dyn Store, reader: Option<Reader<'_>>) -> Result<EventDetails> {
    let mut details = EventDetails::default();
    let id = event.conversation_id;
    match event.note() {
        Some(SystemNote::MemberAdded { user_id, .. } | SystemNote::MemberUpdated { user_id, .. }) => {
            if let Some(member) = store.member(id, *user_id).await? {
                let (status, receipts) = match reader {
                    Some(reader) if store.blocks_with(reader.user_id, &[*user_id]).await?.is_empty() => {
                        let is_hidden = !store.hidden_readers(reader.user_id, &[*user_id]).await?.is_empty();
                        let receipts = if is_hidden { ShownReceipts::Delivered } else { ShownReceipts::All };
                        (Some(reader.presence.status(*user_id)), receipts)
                    }
                    _ => (None, ShownReceipts::None),
                };
                details.member = Some(MemberDetails { member, status, receipts });
            }
        }
        Some(SystemNote::ConversationUpdated { .. }) => details.conversation = store.conversation(id).await?,
        Some(SystemNote::MemberRemoved { .. } | SystemNote::Other { .. }) | None => {}
    }
    Ok(details)
}
