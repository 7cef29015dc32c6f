//! The operator decides who may register.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::refused_fields;
use crate::support::operated::Operated;
use crate::support::server::StoreKind;

on_each_store! {
    registration_is_closed_and_opened_while_the_server_runs,
    an_invitation_admits_as_many_as_it_has_uses,
}

async fn registration_is_closed_and_opened_while_the_server_runs(store: StoreKind) {
    let chinwag = Operated::on(store, &["--registration", "closed"]).await;
    let closed = async |fields: Value| {
        assert_eq!(chinwag.try_register("ada", fields).await.problem(), (403, "registration_closed".to_owned()));
    };
    closed(json!({})).await;
    closed(json!({"invite": "anything"})).await;
    assert!(chinwag.command(&["registration"]).await.starts_with("default"));

    assert_eq!(chinwag.command(&["registration", "open"]).await, "open");
    assert_eq!(chinwag.command(&["registration"]).await, "open");
    chinwag.try_register("ada", json!({})).await.expect(201);
    chinwag.try_register("grace", json!({"invite": null})).await.expect(201);

    assert_eq!(chinwag.command(&["registration", "closed"]).await, "closed");
    closed(json!({})).await;
    chinwag.command(&["registration", "open"]).await;
    assert!(chinwag.command(&["registration", "default"]).await.starts_with("default"));
    closed(json!({})).await;
    for wrong in ["Open", "", "everybody"] {
        let error = chinwag.refused(&["registration", wrong]).await;
        assert!(error.contains("takes open, invite, closed or default") && error.lines().count() == 1, "{error}");
    }
}

async fn an_invitation_admits_as_many_as_it_has_uses(store: StoreKind) {
    let chinwag = Operated::on(store, &["--registration", "invite"]).await;
    let refused = async |fields: Value| {
        let answer = chinwag.try_register("eve", fields.clone()).await;
        assert_eq!(refused_fields(&answer), ["invite"], "{fields}");
    };
    for made_up in
        [json!({}), json!({"invite": null}), json!({"invite": ""}), json!({"invite": "\u{0}"}), json!({"invite": 7})]
    {
        refused(made_up).await;
    }
    let once = chinwag.command(&["invite"]).await;
    refused(json!({"invite": &once[..once.len() - 1]})).await;
    refused(json!({"invite": once.to_uppercase()})).await;
    chinwag.try_register("ada", json!({"invite": format!(" {once} ")})).await.expect(201);
    refused(json!({"invite": once})).await;

    // A refused registration takes no use.
    let twice = json!({"invite": chinwag.command(&["invite", "--uses", "2", "--valid", "1h"]).await});
    assert_eq!(chinwag.try_register("ADA", twice.clone()).await.problem().1, "username_taken");
    assert_eq!(chinwag.try_register("x", twice.clone()).await.status, 422);
    let tries = (0..6).map(|number| chinwag.try_register(["a0", "a1", "a2", "a3", "a4", "a5"][number], twice.clone()));
    let mut statuses: Vec<u16> = join_all(tries).await.into_iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 422, 422, 422, 422]);
    refused(twice).await;

    // An invitation that is not needed is not used up.
    let spare = chinwag.command(&["invite"]).await;
    chinwag.command(&["registration", "open"]).await;
    chinwag.try_register("grace", json!({"invite": spare})).await.expect(201);
    chinwag.try_register("joan", json!({"invite": "made up"})).await.expect(201);
    chinwag.command(&["registration", "invite"]).await;
    chinwag.try_register("lin", json!({"invite": spare})).await.expect(201);

    for (wrong, bound) in [
        (["--uses", "0"], "10000"),
        (["--uses", "10001"], "10000"),
        (["--uses", "x"], "invalid"),
        (["--valid", "0d"], "365d"),
        (["--valid", "366d"], "365d"),
        (["--valid", "1"], "365d"),
    ] {
        let error = chinwag.refused(&[&["invite"][..], &wrong[..]].concat()).await;
        assert!(error.contains(bound) && error.lines().count() == 1, "{wrong:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_overrides_the_configuration_on_every_node() {
    let chinwag = Operated::on(StoreKind::Postgres, &["--registration", "open"]).await;
    let other =
        crate::support::server::Server::with(&["--registration", "invite", "--database-url", &chinwag.url]).await;
    let elsewhere = async |username: &str| {
        let body = json!({"username": username, "password": crate::support::client::PASSWORD});
        crate::support::client::post(other.address, "/v1/users/register", &body).await.status
    };
    assert_eq!((chinwag.try_register("ada", json!({})).await.status, elsewhere("grace").await), (201, 422));
    chinwag.command(&["registration", "closed"]).await;
    assert_eq!((chinwag.try_register("joan", json!({})).await.status, elsewhere("joan").await), (403, 403));
}
