//! Inputs of the operations on the server's settings.

use serde::Deserialize;

/// `settings.update`
#[derive(Deserialize)]
pub struct UpdateSettings {
    /// `open`, `invite`, `closed`, or `default` for each server's configuration.
    pub registration: Option<String>,
}
