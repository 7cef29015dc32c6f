//! PostgreSQL with a certificate of version 1, as some appliances and clusters make.

use std::fs;
use std::process::Command;

use chinwag::store;
use tokio::task::block_in_place;

use crate::support::postgres::{Cluster, connect};

/// Makes a key and its certificate. Returns their texts, or `None` if `openssl` is not installed.
fn certificate() -> Option<[String; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    openssl("req -new -nodes -newkey rsa:2048 -subj /CN=db -keyout key -out csr")?;
    openssl("x509 -req -in csr -signkey key -out crt")?;
    assert!(openssl("x509 -in crt -noout -text")?.contains("Version: 1 "));
    Some(["key", "crt"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_version_1_is_accepted_where_none_is_checked() {
    let Some([key, certificate]) = certificate() else { return eprintln!("skipped: openssl is not installed") };
    let mut cluster = Cluster::start().await;
    let url = cluster.database().await;
    for version in ["TLSv1.2", "TLSv1.3"] {
        let client = connect(&url).await;
        for (file, text) in [("server.key", &key), ("server.crt", &certificate)] {
            // The server's own user must own the key.
            let write =
                format!("COPY (SELECT regexp_split_to_table('{text}', '\n')) TO PROGRAM 'umask 077 && cat >{file}'");
            client.batch_execute(&write).await.unwrap();
        }
        for setting in ["ssl = on", &format!("ssl_max_protocol_version = '{version}'")] {
            client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
        }
        drop(client);
        block_in_place(|| cluster.restart());
        for mode in ["?sslmode=require", "?sslmode=prefer", ""] {
            let store = store::open(&format!("{url}{mode}")).await.unwrap_or_else(|error| panic!("{mode}: {error}"));
            assert_eq!(store.ping().await, Ok(()));
            let client = connect(&url).await;
            let encrypted = "SELECT bool_and(ssl), max(version) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = 'chinwag'";
            let row = client.query_one(encrypted, &[]).await.unwrap();
            let (is_encrypted, with): (Option<bool>, Option<String>) = (row.get(0), row.get(1));
            assert_eq!((is_encrypted, with.as_deref()), (Some(true), Some(version)), "{mode}");
        }
        let refused = store::open(&format!("{url}?sslmode=verify-full")).await.err().expect("nobody vouches for it");
        assert!(refused.detail.contains("ertificate"), "{refused}");
    }
}
