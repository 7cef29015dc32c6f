//! The search for messages.

use super::{Chat, Context, no_conversation};
use crate::domain::conversation::GroupName;
use crate::domain::message::Message;
use crate::domain::message_search::{Excerpt, MessagePosition, MessageQuery, Search, WORDS_VERSION, excerpt};
use crate::domain::search::fold;
use crate::domain::user::case_fold;
use crate::domain::{ConversationId, Result, Timestamp, UserId};
use crate::limits;
use crate::store::searched_version;
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list_with_next;
use crate::wire::objects::FoundMessageObject;
use crate::wire::requests::messages::SearchMessages;

/// Searches the messages of the caller's conversations, newest first.
pub async fn messages(context: Context, input: SearchMessages) -> Result<Answer> {
    let (chat, reader_id) = (&context.chat, context.caller()?.user_id);
    let query = MessageQuery::parse(&input.q)?;
    let open = |sealed: &str| cursor::message_position(chat.auth.search_cursors.open(reader_id, sealed));
    let before = input.cursor.as_deref().map(open).transpose()?;
    if let Some(id) = input.conversation_id
        && chat.store.member(id, reader_id).await?.is_none()
    {
        return Err(no_conversation());
    }
    let Some(search) = chat.search(reader_id, &query, input.conversation_id, before, input.limit.0).await? else {
        return answer(&context, &[], None);
    };
    let version = searched_version(&*chat.store, WORDS_VERSION).await?;
    let found = chat.store.search_messages(version, &search).await?;
    let found_here = found.messages.into_iter().filter_map(|message| found_in(&query, message));
    answer(&context, &found_here.collect::<Vec<_>>(), found.next)
}

/// Returns a message with its excerpt. `None` if it does not match the query any more: the index lags behind edits and deletions.
fn found_in(query: &MessageQuery, message: Message) -> Option<(Message, Excerpt)> {
    if message.deleted_at.is_some() || message.note.is_some() {
        return None;
    }
    let excerpt = excerpt(&message.content, &query.ranges(&message.content)?);
    Some((message, excerpt))
}

/// Encodes a page. Its cursor is sealed: a search that ran out of time ends at a message of anybody.
fn answer(context: &Context, found: &[(Message, Excerpt)], next: Option<MessagePosition>) -> Result<Answer> {
    let (seal, reader_id) = (&context.chat.auth.search_cursors, context.caller()?.user_id);
    let sealed = |position| seal.seal(reader_id, cursor::message_position_bytes(position));
    let position = |message: &Message| {
        let Message { timestamp, conversation_id, seq, .. } = *message;
        MessagePosition { timestamp, conversation_id, seq }
    };
    let cursor = |(last, _): &(Message, Excerpt)| sealed(position(last));
    let next = next.map(sealed).transpose()?;
    Ok(Answer::encoded(list_with_next(found, next, context.page_bytes, FoundMessageObject::new, cursor)?))
}

impl Chat {
    /// Looks up what a query names. Returns `None` if it names a user or a conversation that does not exist, so that nothing is found.
    async fn search(
        &self,
        reader_id: UserId,
        query: &MessageQuery,
        conversation_id: Option<ConversationId>,
        before: Option<MessagePosition>,
        limit: usize,
    ) -> Result<Option<Search>> {
        let sender_id = match &query.from {
            Some(from) => match self.named_user(from).await? {
                None => return Ok(None),
                sender_id => sender_id,
            },
            None => None,
        };
        let named = match &query.conversation {
            Some(name) => Some(self.named_conversations(reader_id, name).await?),
            None => None,
        };
        let conversation_ids = match (named, conversation_id) {
            (Some(named), Some(id)) => Some(named.into_iter().filter(|named| *named == id).collect()),
            (named, id) => named.or(id.map(|id| vec![id])),
        };
        let ends =
            query.before.map(|timestamp| MessagePosition { timestamp, conversation_id: ConversationId::FIRST, seq: 0 });
        Ok(Some(Search {
            reader_id,
            terms: query.terms.clone(),
            sender_id,
            conversation_ids,
            since: query.after.unwrap_or(Timestamp(0)),
            before: ends.into_iter().chain(before).min().unwrap_or(MessagePosition::LAST),
            limit,
        }))
    }

    /// Returns the user with a username, with or without an `@` before it, or with an id.
    async fn named_user(&self, name: &str) -> Result<Option<UserId>> {
        if let Some(id) = UserId::parse(name) {
            return Ok(Some(id));
        }
        let key = case_fold(name.strip_prefix('@').unwrap_or(name));
        Ok(self.store.account_of(&key).await?.map(|account| account.user.id))
    }

    /// Returns the conversations that `in:` names: one by its id, the direct one with a user, or the reader's groups of that name. The search
    /// leaves out those that the reader is not in.
    async fn named_conversations(&self, reader_id: UserId, name: &str) -> Result<Vec<ConversationId>> {
        if let Some(id) = ConversationId::parse(name) {
            return Ok(vec![id]);
        }
        if let Some(username) = name.strip_prefix('@') {
            let Some(user_id) = self.named_user(username).await? else { return Ok(Vec::new()) };
            return Ok(self.store.direct_conversation(reader_id, user_id).await?.into_iter().collect());
        }
        let key = fold(name);
        let groups = self.store.group_names(reader_id, limits::SEARCH_NAMES_MAX).await?;
        let is_named = |(id, name): (ConversationId, GroupName)| (fold(name.as_str()) == key).then_some(id);
        Ok(groups.into_iter().filter_map(is_named).collect())
    }
}
