//! The settings of NATS.

use std::path::PathBuf;

use clap::Args;

use super::database::read_url;
use crate::bus::cluster::nats::{Credentials, Servers, TlsFiles};

/// The setting that names a file of credentials.
const CREDENTIALS: &str = "NATS_CREDENTIALS_FILE (--nats-credentials-file)";

/// The servers that join the nodes.
#[derive(Clone, Debug, Default, Args)]
pub struct Nats {
    /// NATS servers that join the nodes of one PostgreSQL database, separated by commas: nats://HOST:PORT, with USER:PASSWORD@ or TOKEN@
    /// before the host, or tls:// [default: the nodes find each other by PostgreSQL]
    #[arg(id = "nats_url", long = "nats-url", env = "NATS_URL", value_name = "URLS", hide_env_values = true)]
    pub url: Option<String>,

    /// File that contains those URLs, as an alternative to --nats-url, which shows its password [default: none]
    #[arg(
        id = "nats_url_file",
        long = "nats-url-file",
        env = "NATS_URL_FILE",
        value_name = "FILE",
        conflicts_with = "nats_url"
    )]
    pub url_file: Option<PathBuf>,

    /// File of credentials (.creds) by which NATS knows this node: the JWT of a user and its seed. Only a program that was built with the
    /// feature nats-credentials reads it [default: none]
    #[arg(
        id = "nats_credentials_file",
        long = "nats-credentials-file",
        env = "NATS_CREDENTIALS_FILE",
        value_name = "FILE"
    )]
    pub credentials_file: Option<PathBuf>,

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
        let Some((url, variable)) = self.read_url()? else {
            let files = [
                (&self.credentials_file, CREDENTIALS),
                (&self.ca_file, "CHINWAG_NATS_CA_FILE (--nats-ca-file)"),
                (&self.cert_file, "CHINWAG_NATS_CERT_FILE (--nats-cert-file)"),
                (&self.key_file, "CHINWAG_NATS_KEY_FILE (--nats-key-file)"),
            ];
            let useless = files.into_iter().find(|(file, _)| file.is_some());
            return useless.map_or(Ok(None), |(_, variable)| Err(format!("{variable} needs NATS_URL")));
        };
        // The parser of arguments would show the value, which can contain a password.
        let mut servers = Servers::parse(&url).map_err(|error| format!("{variable} {error}"))?;
        if let Some(file) = &self.credentials_file {
            servers = servers
                .with_credentials(Credentials::read(file)?)
                .ok_or_else(|| format!("{CREDENTIALS} takes the place of the user or token of {variable}"))?;
        }
        let (authorities, certificate, key) = (self.ca_file.clone(), self.cert_file.clone(), self.key_file.clone());
        let tls = TlsFiles { authorities, certificate, key };
        tls.check()?;
        Ok(Some((servers, tls)))
    }

    /// Returns the name of the variable that names the servers.
    pub fn variable(&self) -> &'static str {
        if self.url_file.is_some() { "NATS_URL_FILE" } else { "NATS_URL" }
    }

    /// Returns the URLs, and what gave them.
    fn read_url(&self) -> Result<Option<(String, &'static str)>, String> {
        match (&self.url, &self.url_file) {
            (Some(url), _) => Ok(Some((url.clone(), "NATS_URL (--nats-url)"))),
            (None, Some(file)) => {
                let url = read_url(file, "NATS_URL_FILE (--nats-url-file)")?;
                Ok(Some((url, "the file of NATS_URL_FILE (--nats-url-file)")))
            }
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Nats;

    #[test]
    fn the_servers_can_stand_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("url");
        let nats = Nats { url_file: Some(file.clone()), ..Nats::default() };
        let refused = || nats.checked().expect_err("refused");
        assert!(refused().starts_with("NATS_URL_FILE (--nats-url-file): "));
        fs::write(&file, "nats://u:hunter2@one,nats://u:hunter2@other:1\n").expect("written");
        let (servers, _) = nats.checked().expect("valid").expect("servers");
        assert_eq!(servers.to_string(), "nats://one:4222,nats://other:1");
        for wrong in ["", "\n", "http://u:hunter2@host", &"hunter2,".repeat(9_000)] {
            fs::write(&file, wrong).expect("written");
            let error = refused();
            assert!(error.contains("NATS_URL_FILE") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn settings_of_nats_need_a_server() {
        for nats in [
            Nats { credentials_file: Some("file".into()), ..Nats::default() },
            Nats { ca_file: Some("file".into()), ..Nats::default() },
        ] {
            assert!(nats.checked().is_err_and(|error| error.ends_with(" needs NATS_URL")));
        }
        assert!(Nats::default().checked().is_ok_and(|servers| servers.is_none()));
    }
}
