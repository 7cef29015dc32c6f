//! The settings of NATS.

use std::path::PathBuf;

use clap::Args;

use crate::bus::cluster::nats::{Servers, TlsFiles};

/// The servers that join the nodes.
#[derive(Clone, Debug, Default, Args)]
pub struct Nats {
    /// NATS servers that join the nodes of one PostgreSQL database, separated by commas: nats://HOST:PORT, with USER:PASSWORD@ or TOKEN@
    /// before the host, or tls:// [default: the nodes find each other by PostgreSQL]
    #[arg(id = "nats_url", long = "nats-url", env = "NATS_URL", value_name = "URLS", hide_env_values = true)]
    pub url: Option<String>,

    /// File with the authorities that certificates of NATS servers are checked against, in PEM [default: those of the system]
    #[arg(id = "nats_ca_file", long = "nats-ca-file", env = "CHINWAG_NATS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// File with the certificate by which NATS knows this node, in PEM [default: none]
    #[arg(id = "nats_cert_file", long = "nats-cert-file", env = "CHINWAG_NATS_CERT_FILE", value_name = "FILE")]
    pub cert_file: Option<PathBuf>,

    /// File with the key of that certificate, in PEM [default: none]
    #[arg(id = "nats_key_file", long = "nats-key-file", env = "CHINWAG_NATS_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

impl Nats {
    /// Returns the servers and the files of TLS, checked. `None` without servers.
    pub fn checked(&self) -> Result<Option<(Servers, TlsFiles)>, String> {
        let Some(url) = &self.url else {
            let files = [
                (&self.ca_file, "CHINWAG_NATS_CA_FILE (--nats-ca-file)"),
                (&self.cert_file, "CHINWAG_NATS_CERT_FILE (--nats-cert-file)"),
                (&self.key_file, "CHINWAG_NATS_KEY_FILE (--nats-key-file)"),
            ];
            let useless = files.into_iter().find(|(file, _)| file.is_some());
            return useless.map_or(Ok(None), |(_, variable)| Err(format!("{variable} needs NATS_URL")));
        };
        // The parser of arguments would show the value, which can contain a password.
        let servers = Servers::parse(url).map_err(|error| format!("NATS_URL (--nats-url) {error}"))?;
        let (authorities, certificate, key) = (self.ca_file.clone(), self.cert_file.clone(), self.key_file.clone());
        let tls = TlsFiles { authorities, certificate, key };
        tls.check()?;
        Ok(Some((servers, tls)))
    }
}
