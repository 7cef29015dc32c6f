//! Other nodes over a bus that loses, doubles and reorders, and their ends by a clock that the tests turn.

use std::time::Duration;

use tokio::time::Instant;

use super::{Gone, Nodes};
use crate::bus::{NodePresence, Others, PresenceChange, PresenceNews};
use crate::domain::user::Status;
use crate::domain::{Incarnation, UserId};
use crate::limits::{PRESENCE_EARLY_MAX, PRESENCE_TIMES};
use crate::sync::presence::own::Own;

/// A node that tells of its users.
struct Sender {
    id: Incarnation,
    own: Own,
}

impl Sender {
    fn new() -> Self {
        Self { id: Incarnation::new(), own: Own::default() }
    }

    fn news(&self, news: PresenceNews) -> NodePresence {
        NodePresence { node: self.id, version: self.own.version(), news }
    }

    fn set(&mut self, users: &[UserId], status: Status) -> NodePresence {
        let change = |user_id: &UserId| PresenceChange { user_id: *user_id, status, conversations: None };
        let news = self.own.change(users.iter().map(change).collect()).expect("a change");
        self.news(news)
    }

    fn beat(&self) -> NodePresence {
        self.news(self.own.beat())
    }

    fn state(&self) -> Vec<NodePresence> {
        self.own.state().into_iter().map(|part| self.news(part)).collect()
    }
}

/// A receiver with a clock.
struct Receiver {
    nodes: Nodes,
    now: Instant,
    others: Others,
}

impl Receiver {
    fn new() -> Self {
        Self { nodes: Nodes::new(PRESENCE_TIMES), now: Instant::now(), others: Others::default() }
    }

    fn take(&mut self, news: &NodePresence) -> Vec<(UserId, Status)> {
        let changes = self.nodes.take(news.clone(), self.now);
        let mut changes: Vec<_> = changes.into_iter().map(|change| (change.user_id, change.status)).collect();
        changes.sort_by_key(|(user_id, _)| *user_id);
        changes
    }

    /// Looks at the nodes after some seconds, once a second. Returns the first nodes that are asked for their state.
    fn requests_within(&mut self, seconds: u64) -> Vec<Incarnation> {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            let review = self.nodes.review(&self.others, self.now);
            assert_eq!(review.gone, []);
            if !review.requests.is_empty() {
                return review.requests;
            }
        }
        Vec::new()
    }

    /// Looks at the nodes once a second. Returns the first that is gone, and the seconds until then.
    fn gone_within(&mut self, seconds: u64) -> Option<(u64, Gone)> {
        (1..=seconds).find_map(|second| {
            self.now += Duration::from_secs(1);
            Some((second, self.nodes.review(&self.others, self.now).gone.pop()?))
        })
    }
}

fn users<const N: usize>() -> [UserId; N] {
    std::array::from_fn(|_| UserId::new())
}

#[test]
fn changes_apply_once_and_in_order() {
    let ([ada, bob], mut sender, mut receiver) = (users(), Sender::new(), Receiver::new());
    let (first, second) = (sender.set(&[ada, bob], Status::Online), sender.set(&[ada], Status::Away));
    let third = sender.set(&[ada], Status::Offline);
    assert_eq!(receiver.take(&third), [], "it came early");
    assert_eq!(receiver.take(&first), [(ada, Status::Online), (bob, Status::Online)]);
    assert_eq!(receiver.nodes.status(ada), Status::Online);
    assert_eq!(receiver.take(&second), [(ada, Status::Away), (ada, Status::Offline)], "and the early one");
    for late in [&first, &second, &third] {
        assert_eq!(receiver.take(late), []);
    }
    assert_eq!((receiver.nodes.status(ada), receiver.nodes.status(bob)), (Status::Offline, Status::Online));
    assert_eq!(receiver.requests_within(10), [], "nothing is lacking");
}

#[test]
fn a_lost_change_is_made_up_by_the_state() {
    let ([ada, bob], mut sender, mut receiver) = (users(), Sender::new(), Receiver::new());
    let _lost = sender.set(&[ada], Status::Online);
    assert_eq!(receiver.take(&sender.beat()), [], "the beat shows it");
    assert_eq!(receiver.requests_within(1), [sender.id]);
    assert_eq!(receiver.requests_within(1), [], "the answer is under way");
    assert_eq!(receiver.requests_within(1), [sender.id], "or lost");
    let [state] = &sender.state()[..] else { panic!("one part") };
    let later = sender.set(&[bob], Status::Away);
    assert_eq!(receiver.take(&later), [], "it waits for the state");
    assert_eq!(receiver.take(state), [(ada, Status::Online), (bob, Status::Away)]);
    assert_eq!(receiver.take(state), [], "it comes once");
    assert_eq!(receiver.take(&sender.beat()), []);
    assert_eq!(receiver.requests_within(10), []);
}

#[test]
fn a_state_of_many_parts_replaces_what_was_known_when_all_have_come() {
    let (mut sender, mut receiver) = (Sender::new(), Receiver::new());
    let known: [UserId; 2] = users();
    receiver.take(&sender.set(&known, Status::Online));
    let many: Vec<UserId> = (0..1_000).map(|_| UserId::new()).collect();
    sender.set(&many, Status::Online);
    sender.set(&known[..1], Status::Offline);
    let mut parts = sender.state();
    assert!(parts.len() > 3, "{}", parts.len());
    parts.reverse();
    for part in &parts[1..] {
        assert_eq!(receiver.take(part), []);
        assert_eq!(receiver.take(part), []);
    }
    assert_eq!(receiver.nodes.status(known[0]), Status::Online);
    let changed = receiver.take(&parts[0]);
    assert_eq!(changed.len(), 1_001);
    assert!(changed.contains(&(known[0], Status::Offline)));
    assert_eq!(receiver.nodes.users, 1_001);
    assert_eq!(receiver.take(&sender.beat()), []);
    assert_eq!(receiver.requests_within(10), []);
}

#[test]
fn a_difference_that_no_version_shows_is_found_by_the_digest() {
    let ([ada, bob], mut sender, mut receiver) = (users(), Sender::new(), Receiver::new());
    receiver.take(&sender.set(&[ada], Status::Online));
    let mut other = Sender { id: sender.id, own: Own::default() };
    other.set(&[bob], Status::Online);
    receiver.take(&other.beat());
    assert_eq!(receiver.requests_within(1), [sender.id]);
    assert_eq!(receiver.take(&other.state()[0]).len(), 2);
    assert_eq!((receiver.nodes.status(ada), receiver.nodes.status(bob)), (Status::Offline, Status::Online));
}

#[test]
fn early_changes_have_a_bound() {
    let (mut sender, mut receiver) = (Sender::new(), Receiver::new());
    let first = sender.set(&users::<1>(), Status::Online);
    for _ in 0..3 * PRESENCE_EARLY_MAX {
        receiver.take(&sender.set(&users::<1>(), Status::Online));
    }
    let applied = receiver.take(&first);
    assert_eq!(applied.len(), PRESENCE_EARLY_MAX, "the first, and the early ones but for the last, which made room");
    assert_eq!(receiver.requests_within(1), [sender.id]);
    receiver.take(&sender.state()[0]);
    assert_eq!(receiver.nodes.users, 3 * PRESENCE_EARLY_MAX + 1);
}

#[test]
fn a_silent_node_is_gone_after_its_lease() {
    let ([ada, bob], mut silent, mut well, mut receiver) = (users(), Sender::new(), Sender::new(), Receiver::new());
    receiver.take(&silent.set(&[ada], Status::Online));
    receiver.take(&well.set(&[bob], Status::Online));
    let mut gone = None;
    for second in 1..=30 {
        receiver.take(&well.beat());
        if let Some((_, node)) = receiver.gone_within(1) {
            gone = Some((second, node));
            break;
        }
    }
    let (second, node) = gone.expect("it is gone");
    assert_eq!((second, node.users), (20, vec![ada]));
    assert_eq!((receiver.nodes.status(ada), receiver.nodes.status(bob)), (Status::Offline, Status::Online));
    assert_eq!(receiver.nodes.users, 1);
    receiver.take(&silent.beat());
    assert_eq!(receiver.requests_within(1), [silent.id], "it was stopped, and goes on");
}

#[test]
fn the_only_other_node_is_gone_when_the_store_says_so_too() {
    let ([ada], mut sender, mut receiver) = (users(), Sender::new(), Receiver::new());
    receiver.take(&sender.set(&[ada], Status::Online));
    receiver.others.live = Some(vec![sender.id]);
    assert_eq!(receiver.gone_within(3_600), None, "it may be this node's own way to the bus that is broken");
    assert_eq!(receiver.nodes.status(ada), Status::Online);
    receiver.others.live = Some(vec![]);
    let (seconds, gone) = receiver.gone_within(5).expect("it is gone");
    assert_eq!((seconds, gone.users, gone.silence.as_secs()), (1, vec![ada], 3_601));
}

#[test]
fn a_killed_node_is_gone_at_the_end_of_its_lease_if_the_store_drops_it_before() {
    let ([ada], mut sender, mut receiver) = (users(), Sender::new(), Receiver::new());
    receiver.take(&sender.set(&[ada], Status::Online));
    receiver.others.live = Some(vec![sender.id]);
    assert_eq!(receiver.gone_within(15), None);
    receiver.others.live = Some(vec![]);
    assert_eq!(receiver.gone_within(30).map(|(seconds, _)| seconds), Some(5));
}

#[test]
fn a_node_that_is_cut_off_keeps_what_it_knows_and_gives_all_their_time_afterwards() {
    let ([ada, bob], mut sender, mut other, mut receiver) = (users(), Sender::new(), Sender::new(), Receiver::new());
    receiver.take(&sender.set(&[ada], Status::Online));
    receiver.take(&other.set(&[bob], Status::Online));
    receiver.others.live = Some(vec![other.id]);
    receiver.others.is_cut_off = true;
    assert_eq!(receiver.gone_within(3_600), None);
    receiver.others.is_cut_off = false;
    receiver.take(&other.beat());
    let (seconds, gone) = receiver.gone_within(30).expect("the store has dropped it");
    assert_eq!((seconds, gone.users), (20, vec![ada]));
}

#[test]
fn the_users_of_a_node_that_said_goodbye_stay_until_they_had_time_to_reconnect() {
    let ([ada, bob], mut sender, mut other, mut receiver) = (users(), Sender::new(), Sender::new(), Receiver::new());
    let online = sender.set(&[ada, bob], Status::Online);
    receiver.take(&online);
    receiver.take(&sender.news(PresenceNews::Goodbye));
    receiver.take(&other.set(&[ada], Status::Away));
    assert_eq!(receiver.nodes.status(ada), Status::Online);
    assert_eq!(receiver.gone_within(30).map(|(seconds, _)| seconds), Some(15));
    assert_eq!((receiver.nodes.status(ada), receiver.nodes.status(bob)), (Status::Away, Status::Offline));
    assert_eq!(receiver.take(&online), [], "what comes late makes no ghosts");
    assert_eq!(receiver.requests_within(3), []);
}

#[test]
fn nodes_that_the_store_names_are_asked_for_their_state_at_once() {
    let ([ada], mut sender, mut receiver) = (users(), Sender::new(), Receiver::new());
    receiver.others.live = Some(vec![sender.id]);
    assert_eq!(receiver.nodes.review(&receiver.others, receiver.now).requests, [sender.id]);
    sender.set(&[ada], Status::Online);
    assert_eq!(receiver.take(&sender.state()[0]), [(ada, Status::Online)]);
    let empty = Sender::new();
    receiver.others.live = Some(vec![sender.id, empty.id]);
    assert_eq!(receiver.requests_within(1), [empty.id]);
    assert_eq!(receiver.take(&empty.state()[0]), []);
    assert_eq!(receiver.requests_within(3), [], "a node without users has a state too");
}
