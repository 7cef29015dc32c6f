//! Checks of a server's certificate, as strict as libpq's `sslmode` asks for.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::public_key::PublicKey;
use crate::domain::{Code, Error, Result};

/// Accepts every certificate, as libpq's `prefer` and `require` do. This protects against eavesdroppers, but not against impostors.
///
/// The server must still have the certificate's key: passwords by SCRAM are bound to the certificate, and an impostor who shows another
/// server's certificate must not pass for it.
#[derive(Debug)]
pub(super) struct AcceptAnyCertificate(pub(super) Arc<CryptoProvider>);

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

/// Accepts the certificates that an authority vouches for.
#[derive(Debug)]
pub(super) struct RequireAuthority {
    chains: Arc<WebPkiServerVerifier>,
    /// The certificates of the operator's file, in which a server's own can be.
    file: Vec<CertificateDer<'static>>,
    /// True if the certificate must be for the host's name too.
    with_name: bool,
    signatures: AcceptAnyCertificate,
}

impl RequireAuthority {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        roots: RootCertStore,
        file: Vec<CertificateDer<'static>>,
        with_name: bool,
    ) -> Result<Self> {
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let chains = chains.build().map_err(|error| Error::new(Code::Invalid, format!("sslrootcert: {error}")))?;
        Ok(Self { chains, file, with_name, signatures: AcceptAnyCertificate(Arc::clone(provider)) })
    }
}

impl ServerCertVerifier for RequireAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked = self.chains.verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        match checked {
            // The chain is checked before the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.with_name => Ok(ServerCertVerified::assertion()),
            // The operator named this very certificate, of a kind that webpki takes for no server's: that of an authority, which
            // `openssl req -x509` makes and whose time has been checked by then, or of version 1, whose time it does not read.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) if self.file.contains(certificate) => {
                if self.with_name {
                    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}
