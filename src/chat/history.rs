//! History: lists the messages of a conversation in pages.

use super::messages::status;
use super::reactions::mark_own;
use super::{Chat, Context, no_conversation};
use crate::domain::message::Message;
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, Result, Seq};
use crate::store::{Page, Range, hide_deleted_names};
use crate::wire::answer::Answer;
use crate::wire::history::{HasMore, fitting, history};
use crate::wire::requests::SeqInput;
use crate::wire::requests::messages::ListMessages;

/// Lists a page of a conversation's messages, for its members. If the messages do not fit into the bytes of a page, it keeps those that are
/// nearest to its position.
pub async fn list(context: Context, input: ListMessages) -> Result<Answer> {
    let (caller, position) = (context.caller()?, position(&input)?);
    let (mut page, anchor, more) = read(&context.chat, &caller, input.conversation_id, position, input.limit.0).await?;
    hide_deleted_names(&*context.chat.store, &mut page.messages).await?;
    mark_own(&*context.chat.store, caller.user_id, input.conversation_id, page.messages.iter_mut().collect()).await?;
    let kept = fitting(&page.messages, anchor, context.page_bytes);
    let more = more.and(kept.start > 0, kept.end < page.messages.len());
    let messages = page.messages.get(kept).unwrap_or_default();
    let items = messages.iter().map(|message| (message, status(message, &caller, page.receipts)));
    Ok(Answer::encoded(history(items, more, page.last_seq)))
}

/// The position of a page in the history.
enum Position {
    Newest,
    Before(Seq),
    After(Seq),
    Around(Seq),
}

fn position(input: &ListMessages) -> Result<Position> {
    match (input.before_seq, input.after_seq, input.around_seq) {
        (None, None, None) => Ok(Position::Newest),
        (Some(SeqInput(seq)), None, None) => Ok(Position::Before(seq)),
        (None, Some(SeqInput(seq)), None) => Ok(Position::After(seq)),
        (None, None, Some(SeqInput(seq))) => Ok(Position::Around(seq)),
        _ => Err(Error::field("before_seq", "takes at most one of `before_seq`, `after_seq` and `around_seq`")),
    }
}

/// Reads a page, and one message more than requested on each side, to find out if there are more. Returns with it the index of the first
/// message that comes after the position.
async fn read(
    chat: &Chat,
    caller: &Caller,
    id: ConversationId,
    position: Position,
    limit: usize,
) -> Result<(Page, usize, HasMore)> {
    let page = async |range, limit: usize| {
        chat.store.page(caller.user_id, id, range, limit + 1).await?.ok_or_else(no_conversation)
    };
    match position {
        Position::Newest | Position::Before(_) => {
            let range = if let Position::Before(seq) = position { Range::Before(seq) } else { Range::Newest };
            let mut page = page(range, limit).await?;
            let more = cut_before(&mut page.messages, limit);
            let anchor = page.messages.len();
            Ok((page, anchor, HasMore::OneWay(more)))
        }
        Position::After(seq) => {
            let mut page = page(Range::After(seq), limit).await?;
            let more = cut_after(&mut page.messages, limit);
            Ok((page, 0, HasMore::OneWay(more)))
        }
        Position::Around(seq) => {
            let half = limit / 2;
            let mut page = page(Range::Before(seq), half).await?;
            let before = cut_before(&mut page.messages, half);
            let mut newer = chat.store.messages(id, Range::After(seq - 1), limit - half + 1).await?;
            let after = cut_after(&mut newer, limit - half);
            let anchor = page.messages.len();
            page.messages.extend(newer);
            if page.receipts.is_none() && page.includes_receipts(caller.user_id) {
                page.receipts = chat.store.receipts_of_others(id, caller.user_id).await?;
            }
            Ok((page, anchor, HasMore::BothWays(before, after)))
        }
    }
}

/// Keeps the newest `limit` messages. Returns true if there were more.
fn cut_before(messages: &mut Vec<Message>, limit: usize) -> bool {
    let more = messages.len().saturating_sub(limit);
    messages.drain(..more);
    more > 0
}

/// Keeps the oldest `limit` messages. Returns true if there were more.
fn cut_after(messages: &mut Vec<Message>, limit: usize) -> bool {
    let more = messages.len() > limit;
    messages.truncate(limit);
    more
}
