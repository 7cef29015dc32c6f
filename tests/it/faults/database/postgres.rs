//! Faults of PostgreSQL.

use tokio_postgres::Client;
use uuid::Uuid;

use super::{Fault, endure};
use crate::support::node::Node;
use crate::support::postgres::{connect, database};
use crate::support::postgres_cluster::Cluster;
use crate::support::proxy::{Flow, Proxy, by_proxy};

/// Creates a server on this database.
pub(super) fn node(url: &str) -> Node {
    Node::with(&["--database-url", url])
}

struct Killed(Cluster);

impl Fault for Killed {
    async fn begin(&mut self) {
        tokio::task::block_in_place(|| self.0.crash());
    }

    async fn end(&mut self) {
        tokio::task::block_in_place(|| self.0.start_again());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again() {
    let cluster = Cluster::start().await;
    let node = node(&cluster.database().await);
    endure("PostgreSQL killed", node, async |_| Killed(cluster)).await;
}

struct Paused(Cluster);

impl Fault for Paused {
    async fn begin(&mut self) {
        self.0.pause();
    }

    async fn end(&mut self) {
        self.0.resume();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused() {
    let cluster = Cluster::start().await;
    let node = node(&cluster.database().await);
    endure("PostgreSQL paused", node, async |_| Paused(cluster)).await;
}

/// A proxy that discards everything, or responses alone: then statements are executed and the server gets no result.
struct BlackHole {
    proxy: Proxy,
    there: Flow,
}

impl Fault for BlackHole {
    async fn begin(&mut self) {
        self.proxy.set_to_target(self.there);
        self.proxy.set_from_target(Flow::Discard);
    }

    async fn end(&mut self) {
        self.proxy.set_to_target(Flow::Pass);
        self.proxy.set_from_target(Flow::Pass);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_black_hole() {
    let (proxy, url) = by_proxy(&database().await);
    let hole = BlackHole { proxy, there: Flow::Discard };
    endure("PostgreSQL behind a black hole", node(&url), async |_| hole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_answers_lost() {
    let (proxy, url) = by_proxy(&database().await);
    let hole = BlackHole { proxy, there: Flow::Pass };
    endure("PostgreSQL's answers lost", node(&url), async |_| hole).await;
}

/// A role that may open no connection.
struct OutOfConnections {
    admin: Client,
    role: String,
}

impl Fault for OutOfConnections {
    async fn begin(&mut self) {
        let Self { admin, role } = self;
        admin.batch_execute(&format!("ALTER ROLE {role} CONNECTION LIMIT 0")).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1";
        admin.query(end, &[role]).await.unwrap();
    }

    async fn end(&mut self) {
        self.admin.batch_execute(&format!("ALTER ROLE {} CONNECTION LIMIT -1", self.role)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_connections() {
    let url = database().await;
    let (_, name) = url.rsplit_once('/').unwrap();
    // Not a superuser, because superusers always get a connection.
    let role = format!("role_{}", Uuid::now_v7().simple());
    let admin = connect(&url).await;
    let made = format!("CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}");
    admin.batch_execute(&made).await.unwrap();
    let (scheme, place) = (url.split_once("://").unwrap().0, url.rsplit_once('@').unwrap().1);
    let node = node(&format!("{scheme}://{role}@{place}"));
    endure("PostgreSQL out of connections", node, async |_| OutOfConnections { admin, role }).await;
}

/// A read-only server, as after a failover. Open connections stay open.
struct ReadOnly {
    admin: Client,
    _cluster: Cluster,
}

impl ReadOnly {
    async fn set(&self, value: &str) {
        let text = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
        self.admin.batch_execute(&text).await.unwrap();
        self.admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    }
}

impl Fault for ReadOnly {
    async fn begin(&mut self) {
        self.set("on").await;
    }

    async fn end(&mut self) {
        self.set("off").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turned_read_only() {
    let cluster = Cluster::start().await;
    let url = cluster.database().await;
    let fault = ReadOnly { admin: connect(&url).await, _cluster: cluster };
    endure("PostgreSQL turned read-only", node(&url), async |_| fault).await;
}

/// A client that holds a lock which every message needs.
struct RowLocked {
    holder: Client,
    room: String,
}

impl Fault for RowLocked {
    const IS_TOTAL: bool = false;

    async fn begin(&mut self) {
        let lock = format!("BEGIN; SELECT 1 FROM counters WHERE conversation_id = '{}' FOR UPDATE", self.room);
        self.holder.batch_execute(&lock).await.unwrap();
    }

    async fn end(&mut self) {
        self.holder.batch_execute("COMMIT").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_locked() {
    let url = database().await;
    let holder = connect(&url).await;
    let locked = async |fixture: &super::Fixture| RowLocked { holder, room: fixture.room.id.clone() };
    endure("PostgreSQL's counter locked", node(&url), locked).await;
}
