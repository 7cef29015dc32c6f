//! What goes with a numbered event: the member or the conversation as it is now.

use crate::domain::Result;
use crate::domain::event::{Event, Happening};
use crate::domain::message::Note;
use crate::registry::Registry;
use crate::store::Store;
use crate::wire::frames::Subject;

/// The subject of `event`, which is nothing unless the conversation noted something.
pub async fn subject_of(event: &Event, store: &dyn Store, registry: &Registry) -> Result<Subject> {
    let Event { happening: Happening::Created, message, .. } = event else { return Ok(Subject::default()) };
    let id = message.conversation_id;
    let mut subject = Subject::default();
    match message.note {
        Some(Note::MemberAdded { user_id, .. } | Note::MemberUpdated { user_id, .. }) => {
            let member = store.member(id, user_id).await?;
            subject.member = member.map(|member| (member, registry.status(user_id)));
        }
        Some(Note::ConversationUpdated { .. }) => subject.conversation = store.conversation(id).await?,
        Some(Note::MemberRemoved { .. }) | None => {}
    }
    Ok(subject)
}
