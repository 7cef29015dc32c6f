//! Subscriptions: the subjects that this node needs, as clients come and go.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_nats::{Client, Subscriber};
use futures_util::stream::{AbortHandle, Abortable, abortable};
use tokio::sync::mpsc;

use super::routes::Route;
use super::subjects::Subjects;
use crate::limits;
use crate::registry::Interest;

/// A subscription of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Topic {
    /// The packets of all routes. It is the only one then.
    Every,
    /// The packets of a route.
    One(Route),
}

/// The packets of one subscription.
pub(super) type Packets = Abortable<Subscriber>;

/// Keeps this node's subscriptions.
pub(super) struct Subscriptions {
    client: Client,
    subjects: Subjects,
    interest: Arc<Interest>,
    held: HashMap<Topic, AbortHandle>,
    reader: mpsc::Sender<Packets>,
}

impl Subscriptions {
    /// Returns the subscriptions of a node, and what they bring.
    pub(super) fn new(client: Client, subjects: Subjects, interest: Arc<Interest>) -> (Self, mpsc::Receiver<Packets>) {
        let (reader, packets) = mpsc::channel(1);
        (Self { client, subjects, interest, held: HashMap::new(), reader }, packets)
    }

    /// Waits until other subscriptions may be needed.
    pub(super) async fn outdated(&self) {
        self.interest.changed().await;
    }

    /// Subscribes to what the node needs now. Returns true if a subscription is new.
    pub(super) async fn update(&mut self) -> bool {
        let needed = needed(&self.interest.shards(), self.held.contains_key(&Topic::Every));
        for topic in superfluous(self.held.keys().copied().collect(), &needed) {
            if let Some(handle) = self.held.remove(&topic) {
                handle.abort();
            }
        }
        let mut is_new = false;
        for topic in needed {
            if !self.held.contains_key(&topic) {
                is_new |= self.subscribe(topic).await;
            }
        }
        is_new
    }

    async fn subscribe(&mut self, topic: Topic) -> bool {
        let subject = match topic {
            Topic::Every => self.subjects.every(),
            Topic::One(route) => self.subjects.of(route),
        };
        // It fails only if the client has ended.
        let Ok(subscriber) = self.client.subscribe(subject).await else { return false };
        let (packets, handle) = abortable(subscriber);
        self.held.insert(topic, handle);
        self.reader.send(packets).await.is_ok()
    }
}

/// Returns the subscriptions that a node with connections in these shards needs. A node that subscribes to everything goes on until it needs far
/// less, so that clients who come and go do not make it change.
fn needed(shards: &[u32], has_every: bool) -> HashSet<Topic> {
    let max = if has_every { limits::NATS_SUBSCRIPTIONS_MAX / 2 } else { limits::NATS_SUBSCRIPTIONS_MAX };
    if shards.len() > max {
        return HashSet::from([Topic::Every]);
    }
    let routes = shards.iter().map(|shard| Route::Shard(*shard)).chain([Route::All]);
    routes.map(Topic::One).collect()
}

/// Returns the subscriptions to end: all that are not needed, if a packet would come twice or there are many.
fn superfluous(held: HashSet<Topic>, needed: &HashSet<Topic>) -> Vec<Topic> {
    let spare: Vec<Topic> = held.difference(needed).copied().collect();
    let overlaps = held.contains(&Topic::Every) || needed.contains(&Topic::Every);
    if overlaps || spare.len() > limits::NATS_SPARE_SUBSCRIPTIONS_MAX { spare } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::{Route, Topic, needed, superfluous};
    use crate::limits::{NATS_SPARE_SUBSCRIPTIONS_MAX, NATS_SUBSCRIPTIONS_MAX};

    fn shards(count: usize) -> Vec<u32> {
        (0..).take(count).collect()
    }

    #[test]
    fn a_node_that_needs_many_shards_takes_everything() {
        assert_eq!(needed(&[7], false), [Topic::One(Route::All), Topic::One(Route::Shard(7))].into());
        assert_eq!(needed(&shards(NATS_SUBSCRIPTIONS_MAX), false).len(), NATS_SUBSCRIPTIONS_MAX + 1);
        assert_eq!(needed(&shards(NATS_SUBSCRIPTIONS_MAX + 1), false), [Topic::Every].into());
        assert_eq!(needed(&shards(NATS_SUBSCRIPTIONS_MAX), true), [Topic::Every].into(), "it does not go to and fro");
        assert_eq!(needed(&shards(NATS_SUBSCRIPTIONS_MAX / 2), true).len(), NATS_SUBSCRIPTIONS_MAX / 2 + 1);
    }

    #[test]
    fn a_subscription_ends_if_many_are_spare_or_packets_would_come_twice() {
        let held = needed(&shards(NATS_SPARE_SUBSCRIPTIONS_MAX + 1), false);
        assert_eq!(superfluous(held.clone(), &needed(&[0], false)), [], "a few are kept");
        let ended = superfluous(held.clone(), &needed(&[], false));
        assert_eq!(ended.len(), NATS_SPARE_SUBSCRIPTIONS_MAX + 1);
        assert!(!ended.contains(&Topic::One(Route::All)));
        assert_eq!(superfluous(held.clone(), &[Topic::Every].into()).len(), held.len());
        assert_eq!(superfluous([Topic::Every].into(), &held), [Topic::Every]);
    }
}
