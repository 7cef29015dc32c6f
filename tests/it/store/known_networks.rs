//! Known networks.

use chinwag::domain::account::Tombstone;
use chinwag::domain::{Timestamp, UserId};

use super::Fixture;

distributed_conformance!(
    a_network_is_known_for_its_time,
    a_user_has_only_so_many_known_networks,
    networks_that_nobody_uses_go,
    a_deleted_user_has_no_known_network,
);

const MANY: i64 = 100;
const NEVER: Timestamp = Timestamp(0);

async fn a_network_is_known_for_its_time(store: &Fixture) {
    let (ada, grace) = (store.register("ada").await, store.register("grace").await);
    let at = store.now();
    store.insert_known_network(ada, 7, at, NEVER, MANY).await.unwrap();
    let known = async |user: UserId, network: i64, since: Timestamp| {
        store.another().await.is_known_network(user, network, since).await.unwrap()
    };
    assert!(known(ada, 7, Timestamp(at.0 - 1)).await);
    assert!(!known(ada, 7, at).await, "not since then");
    assert!(!known(ada, 8, NEVER).await && !known(grace, 7, NEVER).await && !known(UserId::new(), 7, NEVER).await);
    let again = store.now();
    store.insert_known_network(ada, 7, again, NEVER, MANY).await.unwrap();
    assert!(known(ada, 7, at).await, "the last login counts");
}

async fn a_user_has_only_so_many_known_networks(store: &Fixture) {
    let (ada, grace) = (store.register("ada").await, store.register("grace").await);
    store.insert_known_network(grace, i64::MIN, store.now(), NEVER, 3).await.unwrap();
    for network in [1, 2, 3, 1, 4] {
        store.insert_known_network(ada, network, store.now(), NEVER, 3).await.unwrap();
    }
    for (network, is_known) in [(1, true), (2, false), (3, true), (4, true)] {
        assert_eq!(store.is_known_network(ada, network, NEVER).await, Ok(is_known), "{network}");
    }
    assert_eq!(store.is_known_network(grace, i64::MIN, NEVER).await, Ok(true), "others' do not count");
}

async fn networks_that_nobody_uses_go(store: &Fixture) {
    let (ada, grace) = (store.register("ada").await, store.register("grace").await);
    let (old, young) = (store.now(), store.now());
    store.insert_known_network(ada, 1, old, NEVER, MANY).await.unwrap();
    store.insert_known_network(ada, 2, young, NEVER, MANY).await.unwrap();
    store.insert_known_network(grace, 3, store.now(), old, MANY).await.unwrap();
    assert_eq!(store.is_known_network(ada, 1, NEVER).await, Ok(false));
    assert_eq!(store.is_known_network(ada, 2, NEVER).await, Ok(true));
}

async fn a_deleted_user_has_no_known_network(store: &Fixture) {
    let ada = store.register("ada").await;
    store.insert_known_network(ada, 1, store.now(), NEVER, MANY).await.unwrap();
    store.delete_user(ada, &Tombstone::new(), store.now()).await.unwrap().unwrap();
    assert_eq!(store.is_known_network(ada, 1, NEVER).await, Ok(false));
    store.insert_known_network(ada, 2, store.now(), NEVER, MANY).await.unwrap();
    assert_eq!(store.is_known_network(ada, 2, NEVER).await, Ok(false), "a login that was under way adds none");
    // On PostgreSQL one can, if its statement began before the deletion was committed.
    let another = store.another().await;
    let mut users = Vec::new();
    for round in 0..20 {
        let grace = store.register(&format!("grace{round}")).await;
        let (tombstone, at) = (Tombstone::new(), store.now());
        let (noted, deleted) = tokio::join!(
            another.insert_known_network(grace, 1, at, NEVER, MANY),
            store.delete_user(grace, &tombstone, at)
        );
        assert!(noted.is_ok() && deleted.unwrap().is_some());
        users.push(grace);
    }
    for grace in users {
        store.sweep(grace).await;
        assert_eq!(store.is_known_network(grace, 1, NEVER).await, Ok(false), "sweeping takes it");
    }
}
