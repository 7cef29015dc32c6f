//! Routes: which nodes an envelope goes to.
//!
//! The publisher sends what concerns a conversation to the nodes that need the conversation's shard, and what concerns users to those that need the
//! shards of the users. Each node gets an ephemeral frame once for each of its users, because the users of an audience are divided.
//!
//! Few nodes need most of what there is anyway, so all get everything, and what waits goes together in few packets.

use std::collections::{BTreeMap, BTreeSet};

use crate::bus::{Audience, Envelope, Hints};
use crate::domain::{ConversationId, Shards, UserId};
use crate::limits;
use crate::registry::EncodedEvents;

/// The nodes that envelopes go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Route {
    /// All nodes.
    All,
    /// The nodes that have a conversation or a user of this shard.
    Shard(u32),
}

/// Envelopes by their routes. Those of a route keep their order.
pub(super) type Routed = BTreeMap<Route, Vec<Envelope>>;

/// Sends envelopes to all nodes, in their order.
pub(super) fn undivided(envelopes: Vec<Envelope>) -> Routed {
    let mut all: Vec<Envelope> = Vec::with_capacity(envelopes.len());
    for envelope in envelopes {
        match (all.last_mut(), envelope) {
            (Some(Envelope::Events(others)), Envelope::Events(events)) => others.extend(events),
            (_, other) => all.push(other),
        }
    }
    [(Route::All, all)].into()
}

/// Divides envelopes among their routes.
pub(super) fn divided(shards: Shards, envelopes: Vec<Envelope>) -> Routed {
    let mut router = Router { shards, routed: Routed::new() };
    for envelope in envelopes {
        router.add(envelope);
    }
    router.routed
}

struct Router {
    shards: Shards,
    routed: Routed,
}

impl Router {
    fn add(&mut self, envelope: Envelope) {
        match envelope {
            Envelope::Events(events) => self.events(events),
            Envelope::MembershipEvent { event, joined, left, hidden } => {
                let (id, users) = (event.conversation_id, joined.iter().map(|joined| joined.user_id).chain(left));
                // A node of the user may have nobody else in the conversation.
                let users: Vec<UserId> = users.collect();
                self.conversation(id, Envelope::MembershipEvent { event, joined, left, hidden });
                self.hinted(users);
            }
            // Their frames stay behind, as in the codec.
            Envelope::Created { conversation_id, members, .. } => {
                self.users(members, |members| Envelope::Created { conversation_id, members, frames: Vec::new() });
            }
            Envelope::Deleted { conversation_id, members, .. } => {
                self.users(members, |members| Envelope::Deleted { conversation_id, members, frames: Vec::new() });
            }
            Envelope::ReceiptsSwitched { user_id, send_receipts } => {
                self.users(vec![user_id], |_| Envelope::ReceiptsSwitched { user_id, send_receipts });
            }
            Envelope::Ephemeral { audience: Audience::Users { user_ids, conversation_id }, frame } => {
                self.users(user_ids, |user_ids| Envelope::Ephemeral {
                    audience: Audience::Users { user_ids, conversation_id },
                    frame: frame.clone(),
                });
            }
            Envelope::Ephemeral {
                audience: Audience::Subscribers { conversation_id, .. } | Audience::Readers { conversation_id, .. },
                ..
            } => self.conversation(conversation_id, envelope),
            // An empty one tells the others of this node.
            Envelope::Hints(hints) if hints.everything || hints == Hints::default() => {
                self.push(Route::All, Envelope::Hints(hints));
            }
            Envelope::Hints(Hints { heads, users, .. }) => {
                for head in heads {
                    self.conversation(head.0, Envelope::Hints(Hints { heads: vec![head], ..Hints::default() }));
                }
                self.hinted(users);
            }
            // Any node may need them.
            other => self.push(Route::All, other),
        }
    }

    /// Adds events of conversations, together with those of the same shard that were added last.
    fn events(&mut self, events: Vec<EncodedEvents>) {
        for events in events {
            let envelopes = self.routed.entry(self.shard_of(events.conversation_id)).or_default();
            match envelopes.last_mut() {
                Some(Envelope::Events(others)) => others.push(events),
                _ => envelopes.push(Envelope::Events(vec![events])),
            }
        }
    }

    fn conversation(&mut self, id: ConversationId, envelope: Envelope) {
        self.push(self.shard_of(id), envelope);
    }

    /// Adds hints that the memberships of these users changed.
    fn hinted(&mut self, users: Vec<UserId>) {
        self.users(users, |users| Envelope::Hints(Hints { users, ..Hints::default() }));
    }

    /// Adds an envelope for each shard of these users, or one for all nodes if there are many shards.
    fn users(&mut self, users: Vec<UserId>, envelope: impl Fn(Vec<UserId>) -> Envelope) {
        let used: BTreeSet<u32> = users.iter().map(|user| self.shards.of(user.0)).collect();
        if used.len() > limits::SHARDS_PER_ENVELOPE_MAX {
            return self.push(Route::All, envelope(users));
        }
        for used in used {
            let users = users.iter().copied().filter(|user| self.shards.of(user.0) == used).collect();
            self.push(Route::Shard(used), envelope(users));
        }
    }

    fn shard_of(&self, id: ConversationId) -> Route {
        Route::Shard(self.shards.of(id.0))
    }

    fn push(&mut self, route: Route, envelope: Envelope) {
        self.routed.entry(route).or_default().push(envelope);
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
