//! Implements libpq's `sslmode` with rustls.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::public_key::PublicKey;
use crate::domain::{Error, Result};
use crate::store::trusted_roots;

/// The TLS that the operator requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// No TLS.
    Disable,
    /// TLS if the server offers it, with any certificate.
    Prefer,
    /// Always TLS, with any certificate.
    Require,
    /// Always TLS, with a certificate for this host from an authority that the system trusts.
    Verify,
}

impl Tls {
    /// Reads `sslmode`. `verify-ca` also checks the host's name, because there is no reason to skip that.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" | "verify-full" => Self::Verify,
            _ => return None,
        })
    }

    /// Returns the mode for tokio-postgres, which knows fewer modes.
    pub(super) fn mode(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::Verify => SslMode::Require,
        }
    }

    /// Returns the connector, which does the handshakes.
    pub(super) fn connector(self) -> Result<MakeRustlsConnect> {
        self.config().map(MakeRustlsConnect::new)
    }

    fn config(self) -> Result<ClientConfig> {
        // Chosen here, because any other crate can set the default of the process.
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(format!("TLS: {error}")))?;
        Ok(if self == Self::Verify {
            builder.with_root_certificates(trusted_roots()?).with_no_client_auth()
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
                .with_no_client_auth()
        })
    }
}

/// Accepts every certificate, as libpq's `prefer` and `require` do. This protects against eavesdroppers, but not against impostors.
///
/// The server must still have the certificate's key: passwords by SCRAM are bound to the certificate, and an impostor who shows another
/// server's certificate must not pass for it.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = public_key(certificate)?;
        let mapping = self.0.signature_verification_algorithms.mapping.iter();
        let mut algorithms =
            mapping.filter(|(scheme, _)| *scheme == signed.scheme).flat_map(|(_, algorithms)| *algorithms);
        let is_valid = algorithms.any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key.algorithm
                && algorithm.verify_signature(key.bytes, message, signed.signature()).is_ok()
        });
        let bad_signature = rustls::Error::InvalidCertificate(CertificateError::BadSignature);
        is_valid.then(HandshakeSignatureValid::assertion).ok_or(bad_signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let info = SubjectPublicKeyInfoDer::from(public_key(certificate)?.info);
        verify_tls13_signature_with_raw_key(message, &info, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn public_key<'a>(certificate: &'a CertificateDer<'_>) -> Result<PublicKey<'a>, rustls::Error> {
    PublicKey::of(certificate).ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
