//! Implements libpq's parameters of TLS with rustls.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::certificate_checks::{AcceptAnyCertificate, RequireAuthority};
use crate::domain::{Code, Error, Result};
use crate::store::trusted_roots;

/// The parameters of a URL that are about TLS.
pub(super) const TLS_PARAMETERS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// The TLS that the operator requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    mode: Mode,
    /// A file of the authorities that vouch for the server. Without one, these are the system's.
    authorities: Option<PathBuf>,
    /// Files of the certificate by which this node shows who it is, and of its key.
    identity: Option<(PathBuf, PathBuf)>,
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it.
    Prefer,
    /// Always TLS.
    Require,
    /// Always TLS, with a certificate from an authority of the file.
    VerifyAuthority,
    /// Always TLS, with a certificate for this host from an authority.
    VerifyHost,
}

impl Tls {
    /// Reads the values of [`TLS_PARAMETERS`].
    pub(super) fn parse(parameters: &HashMap<&'static str, String>) -> Result<Self> {
        let value = |name| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let authorities = value("sslrootcert");
        let mode = match parameters.get("sslmode").map(String::as_str) {
            None if authorities == Some("system") => Mode::VerifyHost,
            None | Some("allow" | "prefer") => Mode::Prefer,
            Some("disable") => Mode::Disable,
            Some("require") => Mode::Require,
            Some("verify-ca") => Mode::VerifyAuthority,
            Some("verify-full") => Mode::VerifyHost,
            Some(_) => {
                return Err(refuse("sslmode takes disable, prefer, require, verify-ca or verify-full".to_owned()));
            }
        };
        if authorities == Some("system") && mode != Mode::VerifyHost {
            let refused =
                "sslrootcert=system takes sslmode=verify-full: those authorities vouch for the hosts of everybody";
            return Err(refuse(refused.to_owned()));
        }
        let identity = match (value("sslcert"), value("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => return Err(refuse("sslcert and sslkey go together: a certificate and its key".to_owned())),
        };
        Ok(Self { mode, authorities: authorities.filter(|file| *file != "system").map(PathBuf::from), identity })
    }

    /// Returns the mode for tokio-postgres, which knows fewer modes.
    pub(super) fn mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyAuthority | Mode::VerifyHost => SslMode::Require,
        }
    }

    /// Returns the connector, which does the handshakes. Reads the files.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect> {
        self.config().map(MakeRustlsConnect::new)
    }

    fn config(&self) -> Result<ClientConfig> {
        // Chosen here, because any other crate can set the default of the process.
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(format!("TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&provider)?);
        Ok(match &self.identity {
            Some((certificate, key)) => {
                let identity = SingleCertAndKey::from(read_identity(certificate, key, &provider)?);
                builder.with_client_cert_resolver(Arc::new(identity))
            }
            None => builder.with_no_client_auth(),
        })
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
        let verifier = match (self.mode, &self.authorities) {
            (Mode::Disable, _) | (Mode::Prefer | Mode::Require, None) => {
                return Ok(Arc::new(AcceptAnyCertificate(Arc::clone(provider))));
            }
            // Everybody has a certificate of the system's authorities, so that without the name the check would be none.
            (Mode::VerifyAuthority | Mode::VerifyHost, None) => {
                RequireAuthority::new(provider, trusted_roots()?, Vec::new(), true)
            }
            // As libpq does, also where it could do without: who names authorities wants one of them.
            (mode, Some(file)) => {
                let authorities = read_certificates("sslrootcert", file)?;
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(authorities.iter().cloned());
                RequireAuthority::new(provider, roots, authorities, mode == Mode::VerifyHost)
            }
        };
        Ok(Arc::new(verifier?))
    }
}

fn refuse(detail: String) -> Error {
    Error::new(Code::Invalid, detail)
}

/// Reads the certificates of a file, at least one.
fn read_certificates(parameter: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refused =
        |cause: String| refuse(format!("{parameter} takes a file of certificates in PEM: {}: {cause}", file.display()));
    let text = fs::read(file).map_err(|error| refused(error.to_string()))?;
    let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| refused(error.to_string()))?;
    if certificates.is_empty() { Err(refused("it has none".to_owned())) } else { Ok(certificates) }
}

fn read_identity(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let certificates = read_certificates("sslcert", certificate)?;
    let refused = |cause: String| {
        refuse(format!(
            "sslkey takes a file with a private key in PEM, without a passphrase: {}: {cause}",
            key.display()
        ))
    };
    let text = fs::read(key).map_err(|error| refused(error.to_string()))?;
    let key_of_file = PrivateKeyDer::from_pem_slice(&text).map_err(|error| refused(error.to_string()))?;
    let key_of_file =
        provider.key_provider.load_private_key(key_of_file).map_err(|error| refused(error.to_string()))?;
    let identity = CertifiedKey::new(certificates, key_of_file);
    // Certificates of version 1 cannot be compared; the server judges them.
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(refused(format!("it is not the key of {}", certificate.display())))
        }
        _ => Ok(identity),
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
