//! A cluster of one: an envelope is delivered on this node before `publish` returns.

use std::sync::Arc;

use super::{Bus, Envelope, Inbox};

/// The bus of a node without others.
pub struct Local {
    inbox: Arc<dyn Inbox>,
}

impl Local {
    /// A bus to this inbox.
    pub fn new(inbox: Arc<dyn Inbox>) -> Self {
        Self { inbox }
    }
}

impl Bus for Local {
    fn publish(&self, envelope: Envelope) {
        self.inbox.deliver_local(envelope);
    }
}
