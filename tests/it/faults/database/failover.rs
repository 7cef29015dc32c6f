//! A primary that dies, and a standby that takes over.

use std::time::{Duration, Instant};

use chinwag::store;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::super::Fixture;
use super::postgres::node;
use super::{PROMISED, SLACK};
use crate::nodes::SECRET;
use crate::nodes::fleet::Fleet;
use crate::support::client::{Conversation, TestUser};
use crate::support::nats::Nats;
use crate::support::node::Node;
use crate::support::postgres::{connect, database};
use crate::support::postgres_cluster::Cluster;
use crate::support::proxy::{Flow, by_proxy};
use crate::support::rng::FaultRun;
use crate::support::socket::TEST_TIMEOUT;

/// A primary with a standby, and the URL that names both.
pub(super) struct Pair {
    primary: Cluster,
    standby: Cluster,
    /// The URL of the primary alone.
    pub(super) primary_url: String,
    pub(super) url: String,
}

impl Pair {
    pub(super) async fn start() -> Self {
        let primary = Cluster::start().await;
        let primary_url = primary.database().await;
        let standby = primary.standby().await;
        let (server, name) = primary_url.rsplit_once('/').unwrap();
        let url = format!("{server},127.0.0.1:{}/{name}?target_session_attrs=read-write", standby.port());
        Self { primary, standby, primary_url, url }
    }

    /// From now on no commit is answered before the standby has it.
    async fn replicate_synchronously(&self) {
        set(&self.primary_url, "synchronous_standby_names", "*").await;
        self.until_standbys("sync_state = 'sync'", 1).await;
    }

    /// From now on the standby gets nothing more.
    pub(super) async fn stop_replication(&self) {
        let standby = self.url_of_standby();
        let written = "SELECT pg_current_wal_flush_lsn()::text";
        let written: String = connect(&self.primary_url).await.query_one(written, &[]).await.unwrap().get(0);
        let has_all = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        until(&standby, &has_all).await;
        set(&standby, "primary_conninfo", "").await;
        self.until_standbys("true", 0).await;
    }

    async fn until_standbys(&self, condition: &str, count: i64) {
        until(&self.primary_url, &format!("SELECT count(*) = {count} FROM pg_stat_replication WHERE {condition}"))
            .await;
    }

    fn url_of_standby(&self) -> String {
        let (server, name) = self.primary_url.rsplit_once('/').unwrap();
        let (before, _) = server.rsplit_once(':').unwrap();
        format!("{before}:{}/{name}", self.standby.port())
    }

    /// Kills the primary, and lets the standby take over.
    pub(super) async fn fail_over(&self) {
        self.primary.kill();
        self.promote().await;
    }

    /// Lets the standby take over, whether the primary runs or not.
    pub(super) async fn promote(&self) {
        connect(&self.url_of_standby()).await.execute("SELECT pg_promote(true, 60)", &[]).await.unwrap();
    }
}

/// Changes a setting of a server.
async fn set(url: &str, name: &str, value: &str) {
    let client = connect(url).await;
    client.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

/// Waits until a question is answered by true.
pub(super) async fn until(url: &str, question: &str) {
    let client = connect(url).await;
    let mut pause = interval(Duration::from_millis(10));
    let answered = async {
        while !client.query_one(question, &[]).await.unwrap().get::<_, bool>(0) {
            pause.tick().await;
        }
    };
    timeout(TEST_TIMEOUT, answered).await.unwrap_or_else(|_| panic!("{question}"));
}

/// Returns a message that can be sent again.
fn new(content: &str) -> Value {
    json!({"id": Uuid::now_v7(), "content": content})
}

/// Sends a message again until it is acknowledged, and returns it.
async fn send_until_acknowledged(user: &TestUser, room: &Conversation, body: &Value) -> Value {
    let mut pause = interval(Duration::from_millis(100));
    let sending = async {
        loop {
            pause.tick().await;
            let answer = user.post(&room.messages, body).await;
            if answer.status < 300 {
                return answer.json();
            }
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    };
    timeout(TEST_TIMEOUT, sending).await.unwrap_or_else(|_| panic!("{body} is not acknowledged"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_has_everything_that_was_acknowledged() {
    let run = FaultRun::new("a failover to a synchronous standby");
    let mut rng = run.rng();
    let pair = Pair::start().await;
    pair.replicate_synchronously().await;
    let fixture = Fixture::begin(node(&pair.url), &mut rng).await;
    fixture.a_moment(&mut rng).await;
    pair.fail_over().await;
    let promoted = Instant::now();
    fixture.log.acknowledged(1).await;
    let acknowledged = promoted.elapsed();
    fixture.a_moment(&mut rng).await;
    let final_state = fixture.clients.end(&fixture.ada).await;
    let counts = fixture.log.verify(&[final_state]);
    run.print(format_args!("{counts}; sends acknowledged again within {acknowledged:.1?}"));
    assert!(acknowledged < PROMISED + SLACK, "{acknowledged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_go_on_at_a_synchronous_standby() {
    let run = FaultRun::new("a failover under three nodes");
    let mut rng = run.rng();
    let pair = Pair::start().await;
    pair.replicate_synchronously().await;
    let nats = Nats::start().await;
    let arguments = ["--database-url", &pair.url, "--jwt-secret", SECRET, "--nats-url", &nats.url("")];
    let nodes = (0..3).map(|_| Node::with(&arguments)).collect();
    let fleet = Fleet::start(nodes, &mut rng).await;
    let a_moment = usize::try_from(rng.in_range(1..150)).unwrap();
    fleet.log.acknowledged(a_moment).await;
    pair.fail_over().await;
    fleet.log.acknowledged(a_moment).await;
    fleet.log.all_have_the_newest().await;
    fleet.verify(&run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_a_standby_lacks_are_found_by_their_ids() {
    let pair = Pair::start().await;
    let mut node = node(&pair.url);
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        ids.push(ada.send(&room, text).await["id"].clone());
    }
    pair.stop_replication().await;
    let (mut live, mut all) =
        (grace.connect(&format!("{}?after_seq=0", room.socket)).await, grace.connect("/ws").await);
    for text in ["lost three", "lost four", "lost five"] {
        ids.push(ada.send(&room, text).await["id"].clone());
    }
    assert_eq!(live.next_seqs(5).await, [1, 2, 3, 4, 5]);
    assert_eq!(all.next_seqs(3).await, [3, 4, 5]);

    pair.fail_over().await;
    // More than was lost.
    for number in 3..=7 {
        let sent = send_until_acknowledged(&ada, &room, &new(&format!("new {number}"))).await;
        assert_eq!(sent["seq"], number, "the standby lacked what came after the second");
    }
    // Who has heard what is lost hears nothing behind it.
    for socket in [&mut live, &mut all] {
        let (frames, code) = socket.until("message.new").await;
        assert_eq!(code, Some(1013), "{frames:?}");
    }

    let resumed = async |seq: usize| {
        let id = ids[seq - 1].as_str().unwrap();
        let mut all = grace.connect("/ws?hold=1").await;
        all.send(&json!({"type": "resume", "conversations": {&room.id: {"seq": seq, "id": id}}})).await;
        let mut one = grace.connect(&format!("{}?after_seq={seq}&after_id={id}", room.socket)).await;
        let mut answers = Vec::new();
        for socket in [&mut all, &mut one] {
            let mut seqs = Vec::new();
            let end = loop {
                let frame = socket.next_of(&["message.new", "resumed", "error"]).await;
                match frame["seq"].as_i64() {
                    Some(seq) => seqs.push(seq),
                    None => break frame["code"].as_str().map(str::to_owned),
                }
            };
            answers.push((end, seqs));
        }
        assert_eq!(answers[0], answers[1]);
        answers.remove(0)
    };
    assert_eq!(resumed(5).await, (Some("resync".to_owned()), Vec::new()), "another event has the number now");
    assert_eq!(resumed(3).await, (Some("resync".to_owned()), Vec::new()));
    assert_eq!(resumed(2).await, (None, vec![3, 4, 5, 6, 7]), "nothing that this client has is lost");

    let mut live = grace.connect(&format!("{}?after_seq=7", room.socket)).await;
    live.next_of(&["resumed"]).await;
    ada.send(&room, "new 8").await;
    assert_eq!(live.next_content().await, "new 8");
}

/// Cancels every wait for a synchronous standby, which PostgreSQL then reports as a success.
async fn cancel_waits(url: String) {
    const CANCEL: &str = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let client = connect(&url).await;
    let mut pause = interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        client.execute(CANCEL, &[]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_no_synchronous_standby_has_is_not_acknowledged() {
    let pair = Pair::start().await;
    pair.replicate_synchronously().await;
    let mut node = node(&pair.url);
    node.start().await;
    let ada = node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let bodies = ["one", "two"].map(new);
    pair.standby.pause();
    let given_up = ada.post(&room.messages, &bodies[0]).await;
    assert_eq!(given_up.status, 503, "{given_up:?}");
    until(&pair.primary_url, "SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").await;
    until(&pair.primary_url, "SELECT count(*) = 1 FROM messages").await;

    let cancelling = tokio::spawn(cancel_waits(pair.primary_url.clone()));
    let name = json!({"name": "Ada Lovelace"});
    let (sent, renamed) = tokio::join!(ada.post(&room.messages, &bodies[1]), ada.patch("/v1/users/me", &name));
    assert_eq!((sent.status, renamed.status), (503, 503), "{sent:?} {renamed:?}");
    cancelling.abort();
    pair.standby.resume();
    for (body, seq) in bodies.iter().zip(1..) {
        assert_eq!(send_until_acknowledged(&ada, &room, body).await["seq"], seq, "the message of the first try");
    }
    until(&pair.url_of_standby(), "SELECT count(*) = 2 FROM messages").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_answer_keeps_no_other_from_being_used() {
    let url = database().await;
    let (proxy, silent) = by_proxy(&url);
    proxy.set_from_target(Flow::Discard);
    let place = |url: &str| url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let (user, name) = (url.split_once('@').unwrap().0, url.rsplit_once('/').unwrap().1);
    let (good, silent) = (place(&url), place(&silent));
    for hosts in [format!("{silent},{good}"), format!("{good},{silent}"), format!("{silent},{silent},{good}")] {
        let store =
            store::open(&format!("{user}@{hosts}/{name}")).await.unwrap_or_else(|error| panic!("{hosts}: {error}"));
        assert_eq!(store.ping().await, Ok(()), "{hosts}");
    }
    let error = store::open(&format!("{user}@{silent},{silent}/{name}")).await.err().expect("no host answers");
    assert!(error.detail.contains("no answer within"), "{error}");
}
