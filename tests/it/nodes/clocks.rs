//! Nodes whose wall clocks are an hour apart. Leases are measured by the clock of the database, and the age of packets by their counters.

use serde_json::json;
use tokio::time::timeout;

use super::{AT_ONCE, JOINED, Pair, node};
use crate::support::client::TestUser;
use crate::support::clock::{Clock, HOUR};
use crate::support::postgres::database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_clocks_are_an_hour_apart_hear_each_other() {
    for offset in [HOUR, -HOUR] {
        let url = database().await;
        let (mut first, mut second) = (node(&url), node(&url));
        let clock = Clock::of(&mut second);
        clock.set(offset);
        for node in [&mut first, &mut second] {
            node.start().await;
        }
        for node in [&first, &second] {
            node.has_logged(JOINED, 1).await;
        }
        second.has_logged("the clock of this machine is not that of PostgreSQL's", 1).await;
        assert_eq!(first.count_logged("the clock of this machine"), 0);
        let pair = Pair { first, second, url };
        let mut talkers = pair.talkers().await;
        talkers.talk().await;

        // A token of the later clock is valid by both.
        let (user, other) = if offset > 0 { (&talkers.grace, &pair.first) } else { (&talkers.ada, &pair.second) };
        let elsewhere = TestUser { address: other.address, ..user.clone() };
        elsewhere.get("/v1/users/me").await.expect(200);
        user.post("/v1/users/logout", &json!({})).await.expect(204);
        let refused = async { while elsewhere.get("/v1/users/me").await.status != 401 {} };
        timeout(AT_ONCE, refused).await.expect("the session should be over");
    }
}
