//! Own devices: informs a user's connections of what concerns the user alone.

use bytes::Bytes;

use crate::bus::{Audience, Bus, Envelope};
use crate::domain::{ConversationId, UserId};

/// Publishes a frame about a conversation to a user's connections: to those of all conversations, and to those of this one.
pub fn publish_to_own_devices(bus: &dyn Bus, user_id: UserId, conversation_id: ConversationId, frame: &Bytes) {
    for door in [None, Some(conversation_id)] {
        let audience = Audience::Users { user_ids: vec![user_id], conversation_id: door };
        bus.publish(Envelope::Ephemeral { audience, frame: frame.clone() });
    }
}
