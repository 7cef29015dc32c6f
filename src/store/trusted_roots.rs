//! The certificate authorities that the system trusts, for TLS to a server: a database, or the chat server of the console client.

use std::env;
use std::path::PathBuf;

use rustls::RootCertStore;
use rustls_native_certs::{CertificateResult, load_certs_from_paths};

use crate::domain::{Code, Error, Result};

/// Loads the certificate authorities that the system (or `SSL_CERT_FILE`) trusts. Fails with `unavailable` if there are none.
pub fn trusted_roots() -> Result<RootCertStore> {
    let loaded = load_certificates();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let causes: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
        return Err(Error::new(
            Code::Unavailable,
            format!(
                "checking a server's certificate needs certificates of trusted authorities, and the system has none: set SSL_CERT_FILE. {}",
                causes.join("; ")
            ),
        ));
    }
    Ok(roots)
}

/// Loads the system's certificates. The library takes an empty variable for a path, and finds no certificate there; an empty variable is an unset one.
fn load_certificates() -> CertificateResult {
    let is_empty = |name| env::var_os(name).is_some_and(|value| value.is_empty());
    if !["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().any(is_empty) {
        return rustls_native_certs::load_native_certs();
    }
    let probed = openssl_probe::probe();
    load_certs_from_paths(probed.cert_file.as_deref(), probed.cert_dir.first().map(PathBuf::as_path))
}
