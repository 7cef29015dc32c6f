//! A cluster of one: what is published is delivered here, before `publish` returns.

use std::sync::Arc;

use super::{Bus, Inbox, Parcel};

/// The bus of a node that is alone.
pub struct Local {
    inbox: Arc<dyn Inbox>,
}

impl Local {
    /// A bus into this inbox.
    pub fn new(inbox: Arc<dyn Inbox>) -> Self {
        Self { inbox }
    }
}

impl Bus for Local {
    fn publish(&self, parcel: Parcel) {
        self.inbox.take(parcel);
    }
}
