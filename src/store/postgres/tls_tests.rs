//! Handshakes with servers that have certificates of version 1, which `openssl` makes. Without that program the test is skipped.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConnection, Error, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::Tls;

/// Makes a key, and a certificate of version 1 for it.
fn certificate(folder: &Path, name: &str, key: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let file = |end: &str| format!("{name}.{end}");
    openssl(
        &[&["req", "-new", "-nodes", "-subj", "/CN=db", "-keyout", &file("key"), "-out", &file("csr")], key].concat(),
    );
    openssl(&["x509", "-req", "-in", &file("csr"), "-signkey", &file("key"), "-out", &file("crt")]);
    let text = openssl(&["x509", "-in", &file("crt"), "-noout", "-text"]);
    assert!(text.contains("Version: 1 "), "{text}");
    let read = |end: &str| fs::read(folder.join(file(end))).expect("it was written");
    let certificate = CertificateDer::from_pem_slice(&read("crt")).expect("a certificate");
    (certificate, PrivateKeyDer::from_pem_slice(&read("key")).expect("a key"))
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Runs a handshake with a server that shows a certificate and signs with a key.
fn handshake(
    version: &'static SupportedProtocolVersion,
    certificate: &CertificateDer<'static>,
    key: &PrivateKeyDer<'_>,
) -> Result<(), Error> {
    let key = ring::sign::any_supported_type(key)?;
    let shown = Always(Arc::new(CertifiedKey::new(vec![certificate.clone()], key)));
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let server = server.with_protocol_versions(&[version])?.with_no_client_auth().with_cert_resolver(Arc::new(shown));
    let client = Tls::parse(&HashMap::new()).expect("no parameters").config().expect("a configuration");
    let mut client = ClientConnection::new(Arc::new(client), "db".try_into().expect("a name"))?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("written to memory");
        }
        read_all(&bytes, |rest| server.read_tls(rest));
        server.process_new_packets()?;
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("written to memory");
        }
        read_all(&bytes, |rest| client.read_tls(rest));
        client.process_new_packets()?;
    }
    Ok(())
}

fn read_all(mut bytes: &[u8], mut read: impl FnMut(&mut &[u8]) -> std::io::Result<usize>) {
    while !bytes.is_empty() {
        read(&mut bytes).expect("read from memory");
    }
}

#[test]
fn any_certificate_is_accepted_from_a_server_that_has_its_key() {
    if Command::new("openssl").arg("version").output().is_err() {
        return eprintln!("skipped: openssl is not installed");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    for (name, key) in [("rsa", &["-newkey", "rsa:2048"][..]), ("curve", &curve)] {
        let (certificate, key) = (
            certificate(folder.path(), name, key),
            certificate(folder.path(), &format!("{name}-of-an-impostor"), key).1,
        );
        for version in [&TLS12, &TLS13] {
            assert_eq!(handshake(version, &certificate.0, &certificate.1), Ok(()), "{name} {version:?}");
            let refused = Err(Error::InvalidCertificate(CertificateError::BadSignature));
            assert_eq!(handshake(version, &certificate.0, &key), refused, "{name} {version:?}: not its key");
        }
    }
}
