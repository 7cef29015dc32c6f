//! Diffs: collects the presence frames of one announcement, one per viewer.

use std::collections::HashMap;

use crate::bus::{Audience, Bus, Envelope};
use crate::domain::user::Status;
use crate::domain::{ConversationId, UserId};
use crate::registry::{Connection, Scope};
use crate::wire::frames;

/// A user's connections that get the same diff: those on all conversations, or those on one conversation alone.
pub(super) type Viewer = (UserId, Option<ConversationId>);

/// Returns the viewer that a connection belongs to.
pub(super) fn viewer_of(connection: &Connection) -> Viewer {
    match connection.scope {
        Scope::One(id) => (connection.user_id, Some(id)),
        Scope::All | Scope::Held => (connection.user_id, None),
    }
}

/// The users in a `presence.diff`.
#[derive(PartialEq, Eq, Hash)]
struct Diff {
    online: Vec<UserId>,
    away: Vec<UserId>,
    offline: Vec<UserId>,
}

/// Frames about presence that are not sent yet.
#[derive(Default)]
pub(super) struct Diffs {
    changes: HashMap<Viewer, HashMap<UserId, Status>>,
    envelopes: Vec<Envelope>,
}

impl Diffs {
    /// Adds a user's status to the diff of a viewer. The last status counts. A diff does not name its viewer.
    pub(super) fn note(&mut self, viewer: Viewer, user_id: UserId, status: Status) {
        if viewer.0 != user_id {
            self.changes.entry(viewer).or_default().insert(user_id, status);
        }
    }

    /// Adds a conversation's `presence.state` for these users' connections on it alone.
    pub(super) fn state(
        &mut self,
        user_ids: Vec<UserId>,
        id: ConversationId,
        connected: &[(UserId, Status)],
        online_count: Option<usize>,
    ) {
        let audience = Audience::Users { user_ids, conversation_id: Some(id) };
        let frame = frames::presence_state(Some(id), connected, online_count);
        self.envelopes.push(Envelope::Ephemeral { audience, frame });
    }

    /// Publishes everything. Viewers with the same diff share one envelope, so a change is encoded once.
    pub(super) fn publish(self, bus: &dyn Bus) {
        let mut audiences: HashMap<(Option<ConversationId>, Diff), Vec<UserId>> = HashMap::new();
        for ((user_id, conversation_id), changes) in self.changes {
            let of = |status| {
                let users = changes.iter().filter(|(_, other)| **other == status);
                let mut users: Vec<UserId> = users.map(|(id, _)| *id).collect();
                users.sort_unstable();
                users
            };
            let diff = Diff { online: of(Status::Online), away: of(Status::Away), offline: of(Status::Offline) };
            audiences.entry((conversation_id, diff)).or_default().push(user_id);
        }
        for ((conversation_id, diff), user_ids) in audiences {
            let audience = Audience::Users { user_ids, conversation_id };
            let frame = frames::presence_diff(&diff.online, &diff.away, &diff.offline);
            bus.publish(Envelope::Ephemeral { audience, frame });
        }
        // A state is newer than the diff before it.
        for envelope in self.envelopes {
            bus.publish(envelope);
        }
    }
}
