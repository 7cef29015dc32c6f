//! Many users arrive at once, as they do when another node has ended.

use std::sync::Arc;

use chinwag::bus::{Bus, Envelope, Inbox, NodePresence, PresenceChange, PresenceNews};
use chinwag::limits::PRESENCE_TOLD_AT_ONCE;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::crowd::{SECRET, crowd, group};
use crate::support::held_store::HeldStore;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

const ARRIVALS: usize = 1_000;
/// Connections that open at the same time.
const AT_ONCE: usize = 50;

/// A bus to other nodes, and the changes of presence that they are told.
struct Recorder {
    inbox: Arc<dyn Inbox>,
    changes: watch::Sender<Vec<PresenceChange>>,
}

impl Bus for Recorder {
    fn publish(&self, envelope: Envelope) {
        if let Envelope::Presence(NodePresence { news: PresenceNews::Changes(changes), .. }) = &envelope {
            self.changes.send_modify(|all| all.extend(changes.iter().cloned()));
        }
        self.inbox.deliver_local(envelope);
    }
}

type Told = watch::Receiver<Vec<PresenceChange>>;

/// Starts a server that is not alone. SQLite has no other nodes.
async fn node() -> (Server, Arc<HeldStore>, Told) {
    let (changes, told) = watch::channel(Vec::new());
    let arguments = ["--rate-limits", "off", "--jwt-secret", SECRET];
    let join = |inbox| Arc::new(Recorder { inbox, changes }) as Arc<dyn Bus>;
    let (server, held_store) = Server::held_as(StoreKind::Postgres, &arguments, join).await;
    (server, held_store, told)
}

/// Waits until the other nodes are told changes of which this is true.
async fn until_told(told: &mut Told, is_enough: impl Fn(&[PresenceChange]) -> bool) -> Vec<PresenceChange> {
    let changes = timeout(TEST_TIMEOUT, told.wait_for(|changes| is_enough(changes))).await;
    changes.expect("the other nodes should be told").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_arrivals_are_told_by_eleven_questions() {
    let (server, held_store, mut told) = node().await;
    let (users, _) = crowd(&server, &*held_store, i64::try_from(ARRIVALS).unwrap()).await;
    for some in users.chunks(10) {
        group(&*held_store, some).await;
    }

    // The others come while the node asks about the first one.
    let mut first = held_store.hold("small_conversations_of", 1);
    let mut sockets = vec![users[0].connect("/ws").await];
    first.reached().await;
    for some in users[1..].chunks(AT_ONCE) {
        sockets.extend(join_all(some.iter().map(|user| user.connect("/ws"))).await);
    }
    first.release();
    let all = until_told(&mut told, |changes| changes.len() >= ARRIVALS).await;
    let is_complete = |change: &PresenceChange| change.conversations.as_ref().is_some_and(|ids| ids.len() == 1);
    assert!(all.iter().all(is_complete), "each with the group of ten, and not with that of all");
    assert_eq!(held_store.calls("small_conversations_of"), 1 + (ARRIVALS - 1).div_ceil(PRESENCE_TOLD_AT_ONCE));
    assert_eq!(held_store.calls("small_conversations"), 0, "nor is anything read again for the viewers here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_arrival_does_not_wait_until_others_are_announced() {
    let (server, held_store, mut told) = node().await;
    let viewer = server.register("viewer").await;
    let mut viewers = viewer.connect("/ws").await;
    let mut sockets = Vec::new();
    for name in ["ada", "bob"] {
        let user = server.register(name).await;
        viewer.direct(&user).await;
        sockets.push(user.connect("/ws").await);
        while !viewers.next_of(&["presence.diff"]).await["online"].to_string().contains(&user.id) {}
    }
    // Their connections ask for blocks too.
    for socket in &mut sockets {
        socket.set_up().await;
    }
    let late = server.register("late").await;
    let (mut first, second) = (held_store.hold("blocks_with", 1), held_store.hold("blocks_with", 2));
    for socket in &mut sockets {
        socket.send(&json!({"type": "presence.away"})).await;
    }
    first.reached().await;
    let _late = late.connect("/ws").await;
    first.release();
    until_told(&mut told, |changes| changes.iter().any(|change| change.user_id.to_string() == late.id)).await;
    second.release();
}
