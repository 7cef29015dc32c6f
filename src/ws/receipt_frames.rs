//! The frames `message.read`, `message.delivered` and `message.unread`. They have no answer of their own: all devices of the
//! user get `conversation.state` when a read is written.

use super::dispatch::{FrameDispatcher, Refused};
use crate::api::cost;
use crate::domain::receipt::ReceiptUpdate;
use crate::domain::{FieldError, RefusedFields, Result};
use crate::sync::ClientReceipt;
use crate::wire::client_frame::{ClientFrame, Reference};

impl FrameDispatcher<'_> {
    /// `message.read`, `message.delivered`, `message.unread`
    pub(super) async fn receipt(&self, frame: ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        let recorded = match self.client_receipt(&frame) {
            Ok(receipt) => self.record(&receipt).await,
            Err(error) => Err(error),
        };
        recorded.map_err(|error| Refused::new(error, reference))
    }

    fn client_receipt(&self, frame: &ClientFrame<'_>) -> Result<ClientReceipt> {
        let mut refused = RefusedFields::default();
        let conversation_id = refused.check(self.conversation(frame));
        let seq = refused.check(frame.seq.ok_or_else(|| FieldError::new("seq", "is missing")));
        let (Some(conversation_id), Some(seq)) = (conversation_id, seq) else { return Err(refused.into()) };
        let update = match frame.r#type.as_str() {
            "message.read" => ReceiptUpdate::read(seq.0),
            "message.unread" => ReceiptUpdate::unread_from(seq.0),
            _ => ReceiptUpdate::delivered(seq.0),
        };
        Ok(ClientReceipt { conversation_id, user_id: self.caller.user_id, network: self.network, update })
    }

    async fn record(&self, receipt: &ClientReceipt) -> Result<()> {
        self.chat.rate_limits.charge_receipt(receipt.user_id, cost::RECEIPT_TOKENS)?;
        self.chat.record_receipt(receipt, self.connection.is_subscribed(receipt.conversation_id)).await
    }
}
