//! Messages: sending them and reading them back.

use std::time::Instant;

use tokio::sync::oneshot;

use super::{Chat, no_conversation};
use crate::domain::command::{Action, Command, NewMessage, Outcome, Write};
use crate::domain::message::{Content, Message};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, Timestamp};
use crate::journal::{Reply, draining_error};
use crate::limits;
use crate::store::{Page, Range};
use crate::wire::objects::Delivery;

/// A message that somebody wants to send, as it came.
pub struct Draft {
    /// The client's choice, which makes retries safe.
    pub id: Option<MessageId>,
    /// The text.
    pub content: String,
    /// The type; only `text` can be sent.
    pub kind: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}

impl Draft {
    /// Checks it. `kind_field` is what the type is called at this door.
    pub fn check(self, caller: &Caller, to: ConversationId, kind_field: &'static str) -> Result<Write> {
        if self.kind.is_some_and(|kind| kind != "text") {
            return Err(Error::field(kind_field, "only `text` can be sent"));
        }
        Ok(Write::Send(NewMessage {
            conversation_id: to,
            id: self.id.unwrap_or_default(),
            sender_id: caller.user_id,
            content: Content::parse(self.content)?,
            reply_to: self.reply_to,
            timestamp: Timestamp::now(),
        }))
    }
}

/// The command that edits a message or, without a text, deletes it.
pub fn revision(
    caller: &Caller,
    conversation_id: ConversationId,
    message_id: MessageId,
    content: Option<String>,
) -> Result<Command> {
    let action = match content.map(Content::parse).transpose()? {
        Some(content) => Action::EditMessage { message_id, content },
        None => Action::DeleteMessage { message_id },
    };
    Ok(command(caller, conversation_id, action))
}

/// A command of the caller's, made now.
pub(super) fn command(caller: &Caller, conversation_id: ConversationId, action: Action) -> Command {
    let (actor_id, timestamp) = (caller.user_id, Timestamp::now());
    Command { conversation_id, actor_id, id: MessageId::new(), timestamp, action }
}

/// Where a page of history lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// At the end.
    Newest,
    /// Before a number.
    Before(Seq),
    /// After a number.
    After(Seq),
    /// Half before and half from a number on.
    Around(Seq),
}

/// A page of history, oldest first.
pub struct HistoryPage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are older ones.
    pub more_before: bool,
    /// Whether there are newer ones.
    pub more_after: bool,
    /// The newest number of the conversation.
    pub last_seq: Seq,
    /// The least `(delivered_seq, read_seq)` of the other members, where statuses are told.
    receipts: Option<(Seq, Seq)>,
}

impl HistoryPage {
    /// A message's status for whoever asks.
    pub fn status(&self, message: &Message, caller: &Caller) -> Delivery {
        status(message, caller, self.receipts)
    }
}

fn status(message: &Message, caller: &Caller, receipts: Option<(Seq, Seq)>) -> Delivery {
    match receipts {
        Some((_, read)) if message.sender_id == caller.user_id && message.seq <= read => Delivery::Read,
        Some((got, _)) if message.sender_id == caller.user_id && message.seq <= got => Delivery::Delivered,
        _ => Delivery::Sent,
    }
}

impl Chat {
    /// Sends a message and waits until it is durable. Says whether it is new, and its status.
    pub async fn send(&self, caller: &Caller, to: ConversationId, draft: Draft) -> Result<(Message, Delivery, bool)> {
        match self.write(draft.check(caller, to, "type")?).await? {
            Outcome::Committed(event) => {
                let message = event.message.ok_or_else(|| Error::internal("a send without its message"))?;
                Ok((message, Delivery::Sent, true))
            }
            Outcome::Duplicate(message) => {
                let status = self.status_of(&message, caller).await?;
                Ok((message, status, false))
            }
            Outcome::NoChange => Err(Error::internal("a send left things unchanged")),
        }
    }

    /// Edits or deletes a message, and waits until that is durable. Returns it as it is now, and its status.
    pub async fn revise(&self, revision: Command, caller: &Caller) -> Result<(Message, Delivery)> {
        let message = match self.write(Write::Apply(revision)).await? {
            Outcome::Committed(event) => event.message,
            Outcome::Duplicate(message) => Some(message),
            Outcome::NoChange => None,
        };
        let message = message.ok_or_else(|| Error::internal("a revision without its message"))?;
        let status = self.status_of(&message, caller).await?;
        Ok((message, status))
    }

    async fn status_of(&self, message: &Message, caller: &Caller) -> Result<Delivery> {
        let id = message.conversation_id;
        let conversation = self.store.conversation(id).await?;
        let intimate = conversation.is_some_and(|c| c.member_count <= limits::SMALL_CONVERSATION_MEMBERS_MAX);
        let receipts = if intimate { self.store.receipts_of_others(id, caller.user_id).await? } else { None };
        Ok(status(message, caller, receipts))
    }

    /// Hands a write to the journal, which calls `reply` when it is done. The commit authorises it. If its user writes too
    /// fast it is `rate_limited` at once instead, and costs the journal nothing.
    pub async fn submit(&self, write: Write, reply: Reply) -> Result<()> {
        if let Some(writes) = &self.writes {
            writes.take(write.actor_id(), Instant::now())?;
        }
        self.journal.submit(write, reply).await;
        Ok(())
    }

    /// Hands a write to the journal and waits until it is done.
    pub(super) async fn write(&self, write: Write) -> Result<Outcome> {
        let (sender, outcome) = oneshot::channel();
        // Whoever waited may be gone; the command is committed all the same.
        self.submit(write, Box::new(move |done| drop(sender.send(done)))).await?;
        // Each command is answered, unless the process leaves at once: then nobody knows what became of it.
        outcome.await.map_err(|_| draining_error())?
    }

    /// A page of a conversation's history, for its members.
    pub async fn history(
        &self,
        caller: &Caller,
        id: ConversationId,
        position: Position,
        limit: usize,
    ) -> Result<HistoryPage> {
        let reader_id = caller.user_id;
        // One more than asked for is read, to know whether there are more.
        let page = |range, limit| self.store.page(reader_id, id, range, limit + 1);
        let (Page { last_seq, messages, receipts, .. }, more_before, more_after) = match position {
            Position::Newest | Position::Before(_) => {
                let range = if let Position::Before(seq) = position { Range::Before(seq) } else { Range::Newest };
                let mut page = page(range, limit).await?.ok_or_else(no_conversation)?;
                let more = cut_before(&mut page.messages, limit);
                (page, more, range != Range::Newest)
            }
            Position::After(seq) => {
                let mut page = page(Range::After(seq), limit).await?.ok_or_else(no_conversation)?;
                let more = cut_after(&mut page.messages, limit);
                (page, true, more)
            }
            Position::Around(seq) => {
                let half = limit / 2;
                let mut page = page(Range::Before(seq), half).await?.ok_or_else(no_conversation)?;
                let more_before = cut_before(&mut page.messages, half);
                let mut newer = self.store.messages(id, Range::After(seq - 1), limit - half + 1).await?;
                let more_after = cut_after(&mut newer, limit - half);
                page.messages.extend(newer);
                if page.receipts.is_none() && page.tells_receipts(reader_id) {
                    page.receipts = self.store.receipts_of_others(id, reader_id).await?;
                }
                (page, more_before, more_after)
            }
        };
        Ok(HistoryPage { messages, more_before, more_after, last_seq, receipts })
    }
}

/// Leaves the newest `limit`, and says whether there were more.
fn cut_before(messages: &mut Vec<Message>, limit: usize) -> bool {
    let more = messages.len().saturating_sub(limit);
    messages.drain(..more);
    more > 0
}

/// Leaves the oldest `limit`, and says whether there were more.
fn cut_after(messages: &mut Vec<Message>, limit: usize) -> bool {
    let more = messages.len() > limit;
    messages.truncate(limit);
    more
}
