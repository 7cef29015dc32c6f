//! The bus of a single node: `publish` delivers an envelope on this node before it returns.

use std::sync::Arc;

use super::{Bus, Envelope, Inbox, Others};

/// The bus of a single node.
pub struct Local {
    inbox: Arc<dyn Inbox>,
}

impl Local {
    /// A bus that delivers to this inbox.
    pub fn new(inbox: Arc<dyn Inbox>) -> Self {
        Self { inbox }
    }
}

impl Bus for Local {
    fn publish(&self, envelope: Envelope) {
        self.inbox.deliver_local(envelope);
    }

    fn others(&self) -> Others {
        Others { live: Some(Vec::new()), ..Others::default() }
    }
}
