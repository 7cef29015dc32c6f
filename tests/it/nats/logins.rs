//! The ways of logging in to NATS.

use std::process::Command;

use chinwag::domain::ConversationId;
use uuid::Uuid;

use super::{SECRET, TestNode, TlsFiles, introduce};
use crate::support::nats::Nats;

/// Sends an event from one node to another, with these settings.
async fn is_joined_by(url: &str, tls: &TlsFiles) {
    let cluster_id = Uuid::now_v7();
    let mut nodes =
        [TestNode::start(url, tls, cluster_id, SECRET).await, TestNode::start(url, tls, cluster_id, SECRET).await];
    introduce(&mut nodes).await;
    let [one, other] = &mut nodes;
    let id = ConversationId::new();
    other.joins(id.0).await;
    other.joins(Uuid::now_v7()).await;
    one.publish(id, "hello");
    assert_eq!(other.events_of(id).await, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_or_a_token_in_the_url() {
    let nats = Nats::with("authorization { user: ada, password: \"p@ss/word\" }").await;
    is_joined_by(&nats.url("ada:p%40ss%2Fword@"), &TlsFiles::default()).await;
    let nats = Nats::with("authorization { token: \"t0ken:1\" }").await;
    is_joined_by(&nats.url("t0ken%3A1@"), &TlsFiles::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_servers_is_enough() {
    let (mut away, nats) = (Nats::start().await, Nats::start().await);
    tokio::task::block_in_place(|| away.kill());
    is_joined_by(&format!("{},{}", away.url(""), nats.url("")), &TlsFiles::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    if !make_certificates(folder.path()) {
        return eprintln!("skipped: openssl is not installed");
    }
    let settings = "tls { cert_file: server.crt, key_file: server.key, ca_file: ca.crt, verify: true, timeout: 10 }";
    let nats = Nats::in_folder(folder, settings).await;
    let file = |name: &str| Some(nats.folder().join(name));
    let tls = TlsFiles { authorities: file("ca.crt"), certificate: file("node.crt"), key: file("node.key") };
    is_joined_by(&nats.url("").replace("nats://127.0.0.1", "tls://localhost"), &tls).await;
}

/// Makes an authority and two certificates in a folder. Returns false if `openssl` is not installed.
fn make_certificates(folder: &std::path::Path) -> bool {
    let openssl = |arguments: String| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        let Ok(output) = output else { return false };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        true
    };
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let key = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
    openssl(format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.crt"))
        && ["server", "node"].into_iter().all(|name| {
            openssl(format!("req -new {key} -subj /CN={name} -keyout {name}.key -out {name}.csr"))
                && openssl(format!(
                    "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.crt"
                ))
        })
}
