//! Hides the names of deleted users in system messages.
//!
//! A system message is a numbered event, whose row keeps the sentence that it was written with. So no row changes without a number when
//! a user is deleted, and no index of the largest table is needed to find the sentences. Whoever reads one gets it with the names of today.

use std::collections::HashMap;

use super::Store;
use crate::domain::message::{Message, SystemNote};
use crate::domain::user::Name;
use crate::domain::{Result, UserId};

/// Writes the sentences of system messages anew in which a deleted user acts or is named. Asks the store once if there are system messages
/// among `messages`, and not otherwise.
pub async fn hide_deleted_names(
    store: &dyn Store,
    messages: impl IntoIterator<Item = &mut Message, IntoIter: Send> + Send,
) -> Result<()> {
    let mut noted: Vec<&mut Message> = messages.into_iter().filter(|message| message.note.is_some()).collect();
    if noted.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<UserId> = noted.iter().flat_map(|message| named(message)).collect();
    ids.sort_unstable();
    ids.dedup();
    let names: HashMap<UserId, (Name, bool)> =
        store.names(&ids).await?.into_iter().map(|(id, name, is_deleted)| (id, (name, is_deleted))).collect();
    let is_deleted = |id: &UserId| names.get(id).is_some_and(|(_, is_deleted)| *is_deleted);
    let name_of = |id| names.get(&id).map(|(name, _)| name.as_str());
    for message in noted.iter_mut().filter(|message| named(message).iter().any(is_deleted)) {
        let sentence = message.note.as_ref().and_then(|note| note.sentence(message.sender_id, name_of));
        if let Some(sentence) = sentence {
            message.content = sentence;
        }
    }
    Ok(())
}

/// Returns the users whose names the sentence of a system message has.
fn named(message: &Message) -> Vec<UserId> {
    let target = message.note.as_ref().and_then(SystemNote::user_id);
    [Some(message.sender_id), target].into_iter().flatten().collect()
}
