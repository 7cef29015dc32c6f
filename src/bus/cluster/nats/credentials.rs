//! Credentials: the file by which a NATS server with accounts knows this node. It contains the JWT of a user and the seed of the user's key.

use std::path::Path;

use async_nats::ConnectOptions;

/// The setting that names the file.
const VARIABLE: &str = "NATS_CREDENTIALS_FILE (--nats-credentials-file)";

/// The content of a file of credentials.
#[cfg(feature = "nats-credentials")]
#[derive(Clone)]
pub struct Credentials(String);

/// The content of a file of credentials, which a program without the feature `nats-credentials` cannot read.
#[cfg(not(feature = "nats-credentials"))]
#[derive(Clone)]
pub enum Credentials {}

#[cfg(feature = "nats-credentials")]
impl Credentials {
    /// Reads a file. The error does not show its content.
    pub fn read(file: &Path) -> Result<Self, String> {
        use std::fs::File;
        use std::io::Read;

        use crate::limits::NATS_CREDENTIALS_BYTES_MAX;

        let unreadable = |error| format!("{VARIABLE} takes a file that can be read: {}: {error}", file.display());
        let mut bytes = Vec::new();
        let opened = File::open(file).map_err(unreadable)?;
        opened.take(NATS_CREDENTIALS_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let is_short = bytes.len() as u64 <= NATS_CREDENTIALS_BYTES_MAX;
        let text =
            String::from_utf8(bytes).ok().filter(|text| is_short && ConnectOptions::new().credentials(text).is_ok());
        text.map(Self).ok_or_else(|| {
            format!("{VARIABLE} takes a file with the JWT of a user and its seed (.creds): {}", file.display())
        })
    }

    /// Makes a client log in by them.
    pub(super) fn add_to(&self, options: ConnectOptions) -> Result<ConnectOptions, String> {
        options.credentials(&self.0).map_err(|error| format!("{VARIABLE}: {error}"))
    }
}

#[cfg(not(feature = "nats-credentials"))]
impl Credentials {
    /// Refuses every file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let file = file.display();
        Err(format!("{VARIABLE} needs a chinwag that was built with the feature nats-credentials, to read {file}"))
    }

    pub(super) fn add_to(&self, _: ConnectOptions) -> Result<ConnectOptions, String> {
        match *self {}
    }
}
