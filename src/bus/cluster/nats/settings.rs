//! The settings of the connection to NATS. They are checked at start, without the network.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::credentials::Credentials;

/// The servers, and how to log in to them.
#[derive(Clone)]
pub struct Servers {
    addresses: Vec<ServerAddr>,
    login: Option<Login>,
    credentials: Option<Credentials>,
    needs_tls: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Login {
    Password(String, String),
    Token(String),
}

/// The files of TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// The authorities that the server's certificate is checked against, in place of the system's.
    pub authorities: Option<PathBuf>,
    /// The certificate by which the server knows this node.
    pub certificate: Option<PathBuf>,
    /// The key of the certificate.
    pub key: Option<PathBuf>,
}

/// An address can contain a password, so only the number of servers is shown.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} servers", self.addresses.len())
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.addresses.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", without_login(server))?;
        }
        Ok(())
    }
}

impl Servers {
    /// Reads addresses that are separated by commas. All must have the same user, because the client knows one. The error does not show the
    /// addresses, which can contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let takes = |why: &str| {
            format!(
                "takes nats://HOST:PORT, nats://USER:PASSWORD@HOST, nats://TOKEN@HOST or tls://HOST, several separated by commas; {why}"
            )
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let addresses: Vec<ServerAddr> =
            parts.map(|part| part.parse().map_err(|_| takes("one is no such address"))).collect::<Result<_, _>>()?;
        let is_known = |server: &ServerAddr| matches!(server.scheme(), "nats" | "tls") && !server.host().is_empty();
        if addresses.is_empty() || !addresses.iter().all(is_known) {
            return Err(takes("one is no such address"));
        }
        let logins = addresses.iter().map(login).collect::<Option<Vec<_>>>();
        let logins = logins.ok_or_else(|| takes("a user or a password is not UTF-8"))?;
        if logins.iter().any(|login| *login != logins[0]) {
            return Err(takes("all take the same user and password"));
        }
        let needs_tls = addresses.iter().any(ServerAddr::tls_required);
        if needs_tls && !addresses.iter().all(ServerAddr::tls_required) {
            return Err(takes("tls:// for all or for none"));
        }
        Ok(Self { addresses, login: logins.into_iter().next().flatten(), credentials: None, needs_tls })
    }

    /// Returns the servers with a login by credentials, or `None` if the addresses have another login.
    pub fn with_credentials(self, credentials: Credentials) -> Option<Self> {
        self.login.is_none().then_some(Self { credentials: Some(credentials), ..self })
    }

    /// Returns the addresses.
    pub fn addresses(&self) -> Vec<ServerAddr> {
        self.addresses.clone()
    }

    /// Returns the options of the client. An error is one line that names the variable.
    pub fn options(&self, tls: &TlsFiles) -> Result<ConnectOptions, String> {
        tls.check()?;
        let mut options =
            ConnectOptions::new().require_tls(self.needs_tls || tls.authorities.is_some() || tls.certificate.is_some());
        options = match &self.login {
            Some(Login::Password(user, password)) => options.user_and_password(user.clone(), password.clone()),
            Some(Login::Token(token)) => options.token(token.clone()),
            None => options,
        };
        if let Some(credentials) = &self.credentials {
            options = credentials.add_to(options)?;
        }
        if let Some(file) = &tls.authorities {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = tls.certificate.as_ref().zip(tls.key.as_ref()) {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options)
    }
}

/// Returns an address as the log shows it.
pub(super) fn without_login(server: &ServerAddr) -> String {
    let host = server.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{}://{host}:{}", server.scheme(), server.port())
}

/// Returns the login of an address: a user and a password, or a token. `None` if it is not UTF-8.
#[expect(clippy::option_option, reason = "no login, and a login that cannot be read")]
fn login(server: &ServerAddr) -> Option<Option<Login>> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
    Some(match (server.username(), server.password()) {
        (None, _) => None,
        (Some(user), Some(password)) => Some(Login::Password(decode(user)?, decode(password)?)),
        (Some(token), None) => Some(Login::Token(decode(token)?)),
    })
}

impl TlsFiles {
    /// Reads the files once, so that one that is wrong is refused at start.
    pub fn check(&self) -> Result<(), String> {
        const AUTHORITIES: &str = "CHINWAG_NATS_CA_FILE (--nats-ca-file)";
        const CERTIFICATE: &str = "CHINWAG_NATS_CERT_FILE (--nats-cert-file)";
        const KEY: &str = "CHINWAG_NATS_KEY_FILE (--nats-key-file)";
        let certificates = |file: &Option<PathBuf>, variable: &str| {
            let Some(file) = file else { return Ok(()) };
            let bytes = read(file, variable)?;
            let parsed = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
            let is_valid = parsed.is_ok_and(|certificates| !certificates.is_empty());
            is_valid
                .then_some(())
                .ok_or_else(|| format!("{variable} takes a file of certificates in PEM: {}", file.display()))
        };
        certificates(&self.authorities, AUTHORITIES)?;
        certificates(&self.certificate, CERTIFICATE)?;
        if let Some(file) = &self.key {
            PrivateKeyDer::from_pem_slice(&read(file, KEY)?)
                .map_err(|_| format!("{KEY} takes a file with a private key in PEM: {}", file.display()))?;
        }
        match (&self.certificate, &self.key) {
            (Some(_), None) => Err(format!("{KEY} takes the file of the key of {CERTIFICATE}")),
            (None, Some(_)) => Err(format!("{CERTIFICATE} takes the file of the certificate of {KEY}")),
            _ => Ok(()),
        }
    }
}

fn read(file: &Path, variable: &str) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{variable} takes a file that can be read: {}: {error}", file.display()))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
