//! The rule of saving messages.

use crate::domain::saved::SaveFacts;
use crate::domain::{Error, Result};
use crate::limits;

/// Decides if a message is saved. Returns false if it is saved already.
pub fn save(facts: &SaveFacts) -> Result<bool> {
    if !facts.is_member {
        return Err(Error::not_found("conversation"));
    }
    let message = facts.message.ok_or_else(|| Error::not_found("message"))?;
    if message.is_system {
        return Err(Error::forbidden("System messages cannot be saved."));
    }
    if message.is_deleted {
        return Err(Error::not_found("message"));
    }
    if !facts.is_saved && facts.count >= limits::SAVED_MAX {
        return Err(Error::field("message_id", format!("you have {} saved messages already", limits::SAVED_MAX)));
    }
    Ok(!facts.is_saved)
}

#[cfg(test)]
mod tests {
    use super::save;
    use crate::domain::Code;
    use crate::domain::saved::{MessageFacts, SaveFacts};
    use crate::limits;

    #[test]
    fn members_save_texts_up_to_a_bound() {
        let message = |is_system, is_deleted| Some(MessageFacts { is_system, is_deleted });
        let count = limits::SAVED_MAX - 1;
        let text = SaveFacts { is_member: true, is_saved: false, count, message: message(false, false) };
        let full = SaveFacts { count: limits::SAVED_MAX, ..text };
        assert_eq!(save(&text), Ok(true));
        assert_eq!(save(&SaveFacts { is_saved: true, ..full }), Ok(false), "again");
        let code = |facts| save(&facts).map_err(|error| error.code);
        assert_eq!(code(full), Err(Code::Invalid));
        assert_eq!(code(SaveFacts { is_member: false, ..text }), Err(Code::NotFound));
        assert_eq!(code(SaveFacts { message: None, ..text }), Err(Code::NotFound));
        assert_eq!(code(SaveFacts { message: message(false, true), is_saved: true, ..text }), Err(Code::NotFound));
        assert_eq!(code(SaveFacts { message: message(true, false), ..text }), Err(Code::Forbidden));
    }
}
