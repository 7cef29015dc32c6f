//! The answer to leaving many conversations.

use serde::Serialize;

use super::answer::Answer;
use super::problem::Problem;
use crate::domain::{ConversationId, Result};

/// The answer for one conversation.
#[derive(Serialize)]
#[serde(untagged)]
enum Leave<'a> {
    Left {
        conversation_id: ConversationId,
        status: u16,
    },
    Refused {
        conversation_id: ConversationId,
        #[serde(flatten)]
        problem: Problem<'a>,
    },
}

/// Encodes the answer: for each conversation 204, or the members of a problem.
pub fn leaving(left: &[(ConversationId, Result<()>)]) -> Result<Answer> {
    #[derive(Serialize)]
    struct Leaves<'a> {
        items: Vec<Leave<'a>>,
    }
    let items = left.iter().map(|(conversation_id, left)| match left {
        Ok(()) => Leave::Left { conversation_id: *conversation_id, status: 204 },
        Err(error) => Leave::Refused { conversation_id: *conversation_id, problem: Problem::new(error, None) },
    });
    Answer::ok(&Leaves { items: items.collect() })
}
