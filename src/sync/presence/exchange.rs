//! The exchange of presence between nodes.
//!
//! The worker tells changes as they come. This task does the rest: it says that the node is alive, asks for states that it lacks, answers such
//! requests, and looks for nodes that are gone. A state goes to all nodes, and at most one in two looks: many nodes that come back at once ask for it
//! together.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Presence;
use super::nodes::Gone;
use crate::bus::{Bus, Envelope, NodePresence, Others, PresenceNews};
use crate::domain::Timestamp;
use crate::limits;

/// The times at which this node told something last.
#[derive(Default)]
struct Told {
    beat_at: Option<Instant>,
    state_at: Option<Instant>,
}

impl Presence {
    /// Exchanges presence with other nodes until `stop`, and then says goodbye.
    pub(super) async fn exchange(&self, bus: &Arc<dyn Bus>, stop: &CancellationToken) {
        let mut looks = interval(self.look_period());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Told::default();
        let work = async {
            loop {
                tokio::select! {
                    _ = looks.tick() => {}
                    () = self.look_now.notified() => {}
                }
                let others = bus.others();
                let news = self.look(&others, &mut told, Instant::now());
                if !others.is_alone() {
                    for news in news {
                        bus.publish(Envelope::Presence(news));
                    }
                }
            }
        };
        stop.run_until_cancelled(work).await;
        if !bus.others().is_alone() {
            bus.publish(Envelope::Presence(self.news(PresenceNews::Goodbye)));
        }
    }

    fn look_period(&self) -> Duration {
        self.times.beat / limits::PRESENCE_LOOKS_PER_BEAT
    }

    /// Looks at the other nodes. Returns what they are to be told.
    fn look(&self, others: &Others, told: &mut Told, now: Instant) -> Vec<NodePresence> {
        let period = self.look_period();
        let is_over = |at: Option<Instant>, time| at.is_none_or(|at| now - at >= time);
        let mut state = self.state();
        let review = state.nodes.review(others, now);
        if !*self.settled.borrow() && state.nodes.is_complete() {
            self.settled.send_replace(true);
        }
        let mut news: Vec<PresenceNews> = review.requests.into_iter().map(PresenceNews::Request).collect();
        if is_over(told.beat_at, self.times.beat) {
            told.beat_at = Some(now);
            news.push(state.own.beat());
        }
        if state.is_state_requested && is_over(told.state_at, 2 * period) {
            (state.is_state_requested, told.state_at) = (false, Some(now));
            news.extend(state.own.state());
        }
        let (node, version) = (state.own_id, state.own.version());
        drop(state);
        for gone in review.gone {
            self.node_gone(gone, now);
        }
        news.into_iter().map(|news| NodePresence { node, version, news }).collect()
    }

    /// Announces the users of a node that is gone. One of the nodes that are left writes when they were last seen.
    fn node_gone(&self, gone: Gone, now: Instant) {
        let users = gone.users.len();
        tracing::info!(node = %gone.node, users, "another node is gone; those of its users who are nowhere else are offline");
        let seen_at = Timestamp::now().minus(gone.silence);
        let mut state = self.state();
        let is_writer = state.nodes.is_first(state.own_id);
        for user_id in gone.users {
            if is_writer {
                state.ends.entry(user_id).or_insert(seen_at);
            }
            state.changes.add_user(user_id, now);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn news(&self, news: PresenceNews) -> NodePresence {
        let state = self.state();
        NodePresence { node: state.own_id, version: state.own.version(), news }
    }
}
