//! PostgreSQL with certificates of all kinds, made by `openssl`. Without that program the tests are skipped.

use std::fs;
use std::path::Path;
use std::process::Command;

use chinwag::store;
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::support::postgres::connect;
use crate::support::postgres_cluster::Cluster;

/// A folder of keys (`NAME.key`) and certificates (`NAME.crt`).
struct Certificates(TempDir);

impl Certificates {
    /// Makes an authority, or returns `None` if `openssl` is not installed.
    fn new() -> Option<Self> {
        Command::new("openssl").arg("version").output().ok()?;
        let certificates = Self(tempfile::tempdir().unwrap());
        certificates
            .openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
        certificates.openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout other-ca.key -out other-ca.crt",
        );
        Some(certificates)
    }

    /// Makes a certificate for a common name, by the authority or by itself, with further words for `openssl x509`.
    fn make(&self, name: &str, common_name: &str, signer: &str, days: u32, extensions: &str) {
        self.openssl(&format!(
            "req -new -newkey rsa:2048 -nodes -subj /CN={common_name} -keyout {name}.key -out {name}.csr"
        ));
        let signer = match signer {
            "self" => format!("-signkey {name}.key"),
            _ => "-CA ca.crt -CAkey ca.key -CAcreateserial".to_owned(),
        };
        let extensions = if extensions.is_empty() {
            String::new()
        } else {
            fs::write(self.0.path().join("extensions"), extensions).unwrap();
            " -extfile extensions".to_owned()
        };
        self.openssl(&format!("x509 -req -in {name}.csr -days {days} {signer} -out {name}.crt{extensions}"));
    }

    fn openssl(&self, arguments: &str) -> String {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Starts a server again with a certificate and with settings.
async fn show(cluster: &mut Cluster, url: &str, certificates: &Certificates, name: &str, settings: &[&str]) {
    let client = connect(url).await;
    let (key, certificate) = (certificates.text(&format!("{name}.key")), certificates.text(&format!("{name}.crt")));
    for (file, text) in [("server.key", key), ("server.crt", certificate), ("root.crt", certificates.text("ca.crt"))] {
        // The server's own user must own the key.
        let write =
            format!("COPY (SELECT regexp_split_to_table('{text}', '\n')) TO PROGRAM 'umask 077 && cat >{file}'");
        client.batch_execute(&write).await.unwrap();
    }
    for setting in ["ssl = on", "ssl_ca_file = 'root.crt'"].iter().chain(settings) {
        client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
    }
    drop(client);
    block_in_place(|| cluster.restart());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_version_1_is_accepted_where_none_is_checked() {
    let Some(certificates) = Certificates::new() else { return eprintln!("skipped: openssl is not installed") };
    certificates.make("old", "db", "self", 2, "");
    assert!(certificates.openssl("x509 -in old.crt -noout -text").contains("Version: 1 "));
    let mut cluster = Cluster::start().await;
    let url = cluster.database().await;
    for version in ["TLSv1.2", "TLSv1.3"] {
        let setting = format!("ssl_max_protocol_version = '{version}'");
        show(&mut cluster, &url, &certificates, "old", &[&setting]).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_checked_as_strictly_as_the_url_asks_for() {
    let Some(certificates) = Certificates::new() else { return eprintln!("skipped: openssl is not installed") };
    let here = "subjectAltName=IP:127.0.0.1";
    certificates.make("good", "db", "ca", 2, here);
    certificates.make("elsewhere", "db", "ca", 2, "subjectAltName=DNS:elsewhere.example");
    certificates.make("expired", "db", "ca", 0, here);
    certificates.make("old", "db", "self", 2, "");
    certificates.openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=db -addext subjectAltName=IP:127.0.0.1 -keyout own.key -out own.crt",
    );
    let mut cluster = Cluster::start().await;
    let url = cluster.database().await;
    // The server's certificate, the file of authorities, and if these modes connect: require without the file, then require, verify-ca and
    // verify-full with it.
    for (shown, authorities, connects) in [
        ("good", "ca", [true, true, true, true]),
        ("good", "other-ca", [true, false, false, false]),
        ("elsewhere", "ca", [true, true, true, false]),
        ("expired", "ca", [true, false, false, false]),
        ("own", "own", [true, true, true, true]),
        ("own", "ca", [true, false, false, false]),
        ("old", "old", [true, true, true, false]),
        ("old", "ca", [true, false, false, false]),
    ] {
        show(&mut cluster, &url, &certificates, shown, &[]).await;
        let file = certificates.path().join(format!("{authorities}.crt"));
        let root = format!("&sslrootcert={}", file.display());
        let modes = [("require", ""), ("require", root.as_str()), ("verify-ca", &root), ("verify-full", &root)];
        for ((mode, root), connects) in modes.into_iter().zip(connects) {
            let opened = store::open(&format!("{url}?sslmode={mode}{root}")).await;
            let failure = opened.err().map(|error| error.detail).unwrap_or_default();
            assert_eq!(failure.is_empty(), connects, "{shown} by {authorities}, {mode}{root}: {failure}");
            assert!(connects || failure.contains("ertificate"), "{shown} by {authorities}, {mode}: {failure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_shows_its_own_certificate() {
    let Some(certificates) = Certificates::new() else { return eprintln!("skipped: openssl is not installed") };
    certificates.make("good", "db", "ca", 2, "subjectAltName=IP:127.0.0.1");
    certificates.make("node", "node", "ca", 2, "extendedKeyUsage=clientAuth");
    certificates.make("old", "node", "ca", 2, "");
    let mut cluster = Cluster::start().await;
    let url = cluster.database().await;
    let client = connect(&url).await;
    let rule = "COPY (SELECT 1) TO PROGRAM 'sed -i \"1i hostssl all node 127.0.0.1/32 cert\" pg_hba.conf'";
    client.batch_execute(&format!("CREATE ROLE node SUPERUSER LOGIN; {rule}")).await.unwrap();
    drop(client);
    show(&mut cluster, &url, &certificates, "good", &[]).await;
    let place = url.rsplit_once('@').unwrap().1;
    let file = |name: &str| certificates.path().join(name).display().to_string();
    let root = file("ca.crt");
    let open = async |rest: &str| {
        let url = format!("postgres://node@{place}?sslmode=verify-full&sslrootcert={root}{rest}");
        store::open(&url).await.err().map(|error| error.detail)
    };
    let with = |certificate: &str, key: &str| format!("&sslcert={}&sslkey={}", file(certificate), file(key));
    assert_eq!(open(&with("node.crt", "node.key")).await, None);
    assert_eq!(open(&with("old.crt", "old.key")).await, None, "of version 1");
    for (rest, expected) in [
        (String::new(), "requires a valid client certificate"),
        (with("node.crt", "old.key"), "it is not the key of"),
        (with("node.crt", "node.csr"), "sslkey takes a file"),
        (with("node.key", "node.key"), "sslcert takes a file"),
        (with("missing.crt", "node.key"), "No such file"),
        (format!("&sslcert={}", file("node.crt")), "go together"),
    ] {
        let refused = open(&rest).await.unwrap_or_else(|| panic!("{rest}"));
        assert!(refused.contains(expected) && !refused.contains('\n'), "{rest}: {refused}");
    }
}

#[tokio::test]
async fn the_authorities_of_the_system_vouch_for_hosts_alone() {
    let refused = async |rest: &str| {
        store::open(&format!("postgres://u@127.0.0.1:1/d?{rest}")).await.err().map(|error| error.detail).unwrap()
    };
    for weaker in ["require", "verify-ca", "prefer", "disable"] {
        let refused = refused(&format!("sslrootcert=system&sslmode={weaker}")).await;
        assert!(refused.starts_with("sslrootcert=system takes sslmode=verify-full"), "{weaker}: {refused}");
    }
    // On its own it means verify-full, for which a system needs authorities: here it has some, and no server.
    assert!(!refused("sslrootcert=system").await.starts_with("sslrootcert"));
}
