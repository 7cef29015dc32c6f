//! The wall clock jumps by an hour: numbers stay dense, the order stays, nothing is lost and nothing hangs.

use serde_json::json;

use super::Fixture;
use crate::support::client::{TestUser, post};
use crate::support::clock::{Clock, HOUR};
use crate::support::node::Node;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    the_clock_jumps_under_load,
}

async fn the_clock_jumps_under_load(store: StoreKind) {
    let run = FaultRun::new("the clock jumps under load");
    let mut rng = run.rng();
    let mut node = Node::on(store).await;
    let clock = Clock::of(&mut node);
    let fixture = Fixture::begin(node, &mut rng).await;
    let address = fixture.node.address;
    let rounds = run.rounds(2);
    for round in 0..rounds {
        fixture.a_moment(&mut rng).await;
        clock.set(-HOUR);
        fixture.a_moment(&mut rng).await;
        let at_that_time = TestUser::login(address, "ada").await;
        at_that_time.connect(&fixture.room.socket).await;
        // One or two hours, longer than the token's lifetime.
        clock.set(if round % 2 == 0 { HOUR } else { 0 });
        let refused = at_that_time.get("/v1/users/me").await;
        assert_eq!(refused.problem(), (401, "token_expired".to_owned()));
        assert_eq!(at_that_time.open(&fixture.room.socket).await.close_code().await, 4040);
        let refresh = json!({"refresh_token": at_that_time.refresh_token});
        let fresh = post(address, "/v1/users/refresh", &refresh).await.expect(200).json();
        let fresh = TestUser { token: fresh["access_token"].as_str().unwrap().to_owned(), ..at_that_time };
        fresh.connect(&fixture.room.socket).await;
        fixture.a_moment(&mut rng).await;
        // A token from the future is valid.
        clock.set(0);
        fresh.get("/v1/users/me").await.expect(200);
        fresh.connect(&fixture.room.socket).await;
    }
    let final_state = fixture.clients.end(&TestUser::login(address, "ada").await).await;
    let counts = fixture.log.verify(&[final_state]);
    run.print(format_args!("{store:?}, {} jumps: {counts}", 3 * rounds));
}
