//! The frames `typing.start`, `typing.stop`, `presence.away` and `presence.back`. They have no answer, unless they are refused.

use super::dispatch::{FrameDispatcher, Refused};
use crate::api::cost;
use crate::domain::Result;
use crate::wire::client_frame::{ClientFrame, Reference};

impl FrameDispatcher<'_> {
    /// `typing.start`, `typing.stop`
    pub(super) async fn typing(&self, frame: &ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        let typing = async {
            let (conversation_id, user_id) = (self.conversation(frame)?, self.caller.user_id);
            self.chat.rate_limits.charge_receipt(user_id, cost::RECEIPT_TOKENS)?;
            if frame.r#type == "typing.start" {
                self.chat.start_typing(conversation_id, user_id).await?;
            } else {
                self.chat.stop_typing(conversation_id, user_id);
            }
            Ok(())
        };
        typing.await.map_err(|error| Refused::new(error, reference))
    }

    /// `presence.away`, `presence.back`
    pub(super) fn presence(&self, frame: &ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        let charged = self.chat.rate_limits.charge_receipt(self.caller.user_id, cost::RECEIPT_TOKENS);
        charged.map_err(|error| Refused::new(error, reference))?;
        self.chat.set_away(self.connection, frame.r#type == "presence.away");
        Ok(())
    }
}
