//! Tests of the settings of NATS.

use super::{Login, Servers, TlsFiles};

#[test]
fn addresses_of_every_form_are_read() {
    for (text, shown, login) in [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", None),
        ("broker", "nats://broker:4222", None),
        (" nats://a:1, nats://b:2 ,", "nats://a:1,nats://b:2", None),
        ("nats://[::1]:4222", "nats://[::1]:4222", None),
        ("tls://u:p%40ss@a", "tls://a:4222", Some(Login::Password("u".to_owned(), "p@ss".to_owned()))),
        ("nats://t%2Fken@a,nats://t%2Fken@b", "nats://a:4222,nats://b:4222", Some(Login::Token("t/ken".to_owned()))),
    ] {
        let servers = Servers::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(servers.to_string(), shown);
        assert!(servers.login == login, "{text}");
    }
}

#[test]
fn wrong_addresses_are_refused_without_their_passwords() {
    for text in [
        "",
        ",",
        "nats://",
        "http://hunter2@a",
        "ws://a",
        "nats://hunter2@a:port",
        "nats://u:hunter2@a,nats://u:hunter3@b",
        "nats://hunter2@a,nats://b",
        "nats://u:hunter2%ff@a",
        "tls://a,nats://b",
    ] {
        let error = Servers::parse(text).expect_err(text);
        assert!(error.starts_with("takes nats://") && !error.contains("hunter2"), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let servers = Servers::parse("nats://u:hunter2@a").expect("valid");
    assert!(!format!("{servers:?} {servers}").contains("hunter2"));
}

#[test]
fn files_of_tls_are_read_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (nothing, text) = (folder.path().join("missing"), folder.path().join("text"));
    std::fs::write(&text, "no certificate").expect("written");
    for (tls, variable) in [
        (TlsFiles { authorities: Some(nothing.clone()), ..TlsFiles::default() }, "CHINWAG_NATS_CA_FILE"),
        (TlsFiles { authorities: Some(text.clone()), ..TlsFiles::default() }, "CHINWAG_NATS_CA_FILE"),
        (TlsFiles { certificate: Some(text.clone()), ..TlsFiles::default() }, "CHINWAG_NATS_CERT_FILE"),
        (TlsFiles { key: Some(text), ..TlsFiles::default() }, "CHINWAG_NATS_KEY_FILE"),
        (TlsFiles { key: Some(nothing), ..TlsFiles::default() }, "CHINWAG_NATS_KEY_FILE"),
    ] {
        let error = tls.check().expect_err(variable);
        assert!(error.starts_with(variable) && !error.contains('\n'), "{error}");
    }
    assert_eq!(TlsFiles::default().check(), Ok(()));
}
