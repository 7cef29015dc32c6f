//! Operations on receipts: reading messages, marking them as unread, and what devices have received.

use super::{Chat, Context};
use crate::domain::receipt::ReceiptUpdate;
use crate::domain::{ConversationId, Result};
use crate::sync::ClientReceipt;
use crate::wire::answer::Answer;
use crate::wire::requests::messages::{MarkUnread, ReadMessages};

/// Records that the caller has read up to a number.
pub async fn read(context: Context, input: ReadMessages) -> Result<Answer> {
    write(&context, input.conversation_id, ReceiptUpdate::read(input.seq.0)).await
}

/// Marks the messages from a number on as unread, for the caller alone.
pub async fn mark_unread(context: Context, input: MarkUnread) -> Result<Answer> {
    write(&context, input.conversation_id, ReceiptUpdate::unread_from(input.from_seq.0)).await
}

/// Answers when the update is written, and every node shows it. The write refuses a caller who is no member.
async fn write(context: &Context, conversation_id: ConversationId, update: ReceiptUpdate) -> Result<Answer> {
    let (user_id, network) = (context.caller()?.user_id, context.network);
    context.chat.receipts.write(&ClientReceipt { conversation_id, user_id, network, update }).await?;
    Ok(Answer::no_content())
}

impl Chat {
    /// Records a receipt from one of the user's connections. `is_subscribed`: the connection is subscribed to the conversation, so its user is a
    /// member, and it need not wait for the write. Otherwise the write refuses a user who is no member.
    pub async fn record_receipt(&self, receipt: &ClientReceipt, is_subscribed: bool) -> Result<()> {
        if is_subscribed { self.receipts.add(receipt) } else { self.receipts.write(receipt).await }
    }
}
