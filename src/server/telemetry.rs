//! The structured log: text on a terminal, JSON elsewhere.

use std::io::{IsTerminal, stdout};

use tracing_subscriber::EnvFilter;

use super::config::{Config, LogFormat};

/// Starts the log on standard output. Returns an error if the filter is not valid.
pub fn start(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(&config.log)
        .map_err(|error| format!("RUST_LOG takes a filter such as info or chinwag=debug: {error}"))?;
    let on_terminal = stdout().is_terminal();
    let format = config.log_format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(on_terminal);
    let result = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    result.map_err(|error| format!("the log could not be started: {error}"))
}
