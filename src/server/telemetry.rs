//! The structured log: text on a terminal, JSON elsewhere.

use std::io::{IsTerminal, stderr, stdout};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

use super::config::{Config, LogFormat};

/// The target of the audit log. It is written at level `info`, unless the filter names it.
const AUDIT: &str = "audit";
/// The target of the client of NATS. It logs each event of its connection, also one for each packet that it drops, and the carrier logs them for
/// it. So it is off, unless the filter names it.
const NATS_CLIENT: &str = "async_nats";
/// The directive that silences it.
const NATS_CLIENT_OFF: &str = "async_nats=off";

/// Starts the log on standard output. Returns an error if the filter is not valid.
pub fn start(config: &Config) -> Result<(), String> {
    let filter = filter(&config.log)?;
    // A filter that is quiet to spare the disk would otherwise lose the audit log without a word.
    let filter = if config.log.contains(AUDIT) { filter } else { filter.add_directive(audit_lines()?) };
    let on_terminal = stdout().is_terminal();
    let format = config.log_format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    // A line that cannot be written is lost. By default the error is written to standard error, and the process panics if nobody reads that
    // either: a terminal that closes would end the drain.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(on_terminal).log_internal_errors(false);
    let result = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    result.map_err(|error| format!("the log could not be started: {error}"))
}

/// Returns the filter of a setting: levels by module, and one level for all other modules, which is info unless the setting has it. tracing by
/// itself takes a word that is no level for a module, so `warnings` would silence the server, as would levels of some modules alone.
fn filter(setting: &str) -> Result<EnvFilter, String> {
    let mut directives: Vec<&str> = setting.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let is_level = |directive: &&str| !directive.contains('=');
    if let Some(wrong) =
        directives.iter().filter(|part| is_level(part)).find(|part| part.parse::<LevelFilter>().is_err())
    {
        return Err(format!(
            "RUST_LOG (--log) takes a level (off, error, warn, info, debug, trace), and levels by module such as chinwag::ws=debug, \
             separated by commas; {wrong:?} is neither"
        ));
    }
    if !directives.iter().any(is_level) {
        directives.push("info");
    }
    if !setting.contains(NATS_CLIENT) {
        directives.push(NATS_CLIENT_OFF);
    }
    EnvFilter::builder()
        .parse(directives.join(","))
        .map_err(|error| format!("RUST_LOG (--log) takes a filter such as info,chinwag::ws=debug: {error}"))
}

/// Starts the log of an operator's command on standard error: its lines of the audit log, as JSON.
pub fn start_audit() -> Result<(), String> {
    let filter = EnvFilter::default().add_directive(audit_lines()?);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).json().flatten_event(true);
    let result = builder.with_current_span(false).with_span_list(false).try_init();
    result.map_err(|error| format!("the log could not be started: {error}"))
}

fn audit_lines() -> Result<Directive, String> {
    format!("{AUDIT}=info").parse().map_err(|error| format!("the log could not be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_never_silences_the_server_by_mistake() {
        for (setting, understood) in [
            ("", "info"),
            (" , ", "info"),
            ("WARN", "warn"),
            ("off", "off"),
            ("info, chinwag::ws=debug", "chinwag::ws=debug,info"),
            ("chinwag::ws=debug", "chinwag::ws=debug,info"),
            ("misspelt=debug", "misspelt=debug,info"),
        ] {
            let filter = filter(setting).map(|filter| filter.to_string().replace("async_nats=off,", ""));
            assert_eq!(filter.as_deref(), Ok(understood), "{setting}");
        }
        for setting in ["", "off", "async_nats=debug"] {
            let filter = filter(setting).map(|filter| filter.to_string());
            assert!(
                filter.is_ok_and(|filter| filter.contains("async_nats=off") != setting.contains("nats")),
                "{setting}"
            );
        }
        for setting in ["warnings", "99", "info,chinwag", "chinwag=loudly"] {
            let error = filter(setting).expect_err(setting);
            assert!(error.starts_with("RUST_LOG") && !error.contains('\n'), "{setting}: {error}");
        }
    }
}
