//! Configuration: flags and environment in one struct; `--help` explains every one. Nothing is required.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, ValueEnum};
use ipnet::IpNet;
use ring::rand::{SecureRandom, SystemRandom};

use crate::limits;
use crate::transport::Origins;

/// Shortest secret, in bytes: as long as the hash that it keys (RFC 7518, section 3.2).
const SECRET_BYTES: usize = 32;

/// What else the binary does; each command has arguments and help of its own.
const COMMANDS: &str = "Commands:\n  chinwag bench SCENARIO  Measures how fast a server is; see chinwag bench --help";

/// A chat server in one binary: accounts, conversations and durable real-time messages over REST and WebSocket.
///
/// Without any configuration it keeps its data in SQLite below ./data and serves its page at http://127.0.0.1:8080.
#[derive(Clone, Debug, Parser)]
#[command(version, args_override_self = true, max_term_width = 110, after_help = COMMANDS)]
pub struct Config {
    /// Address of REST, WebSocket and page.
    #[arg(long, env = "CHINWAG_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Folder of the embedded database and the generated secret.
    #[arg(long, env = "CHINWAG_DATA", value_name = "FOLDER", default_value = "./data")]
    pub data: PathBuf,

    /// Where messages are kept: postgres://…, postgresql://… (with sslmode) or sqlite:FILE [default: SQLite in the data
    /// folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// What access tokens are signed with, at least 32 bytes [default: generated once into the data folder]
    #[arg(long, env = "CHINWAG_JWT_SECRET", value_name = "TEXT", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// A file with what access tokens are signed with, instead of --jwt-secret.
    #[arg(long, env = "CHINWAG_JWT_SECRET_FILE", value_name = "FILE", conflicts_with = "jwt_secret")]
    pub jwt_secret_file: Option<PathBuf>,

    /// Origins of pages that may use the API besides the server's own, with commas between; * for all [default: none]
    #[arg(long, env = "CHINWAG_ALLOWED_ORIGINS", value_name = "ORIGINS", value_parser = origins, default_value = "",
          hide_default_value = true)]
    pub allowed_origins: Origins,

    /// Networks of proxies whose X-Forwarded-For is believed, with commas between [default: none]
    #[arg(long, env = "CHINWAG_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// How long an access token lives: a number with s, m, h or d.
    #[arg(long, env = "CHINWAG_ACCESS_TOKEN_TTL", value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub access_token_ttl: Duration,

    /// How long an unused refresh token lives: a number with s, m, h or d.
    #[arg(long, env = "CHINWAG_REFRESH_TOKEN_TTL", value_name = "TIME", default_value = "30d", value_parser = duration)]
    pub refresh_token_ttl: Duration,

    /// off lifts every rate limit and every count per user and address (for load tests); no memory bound.
    #[arg(long, env = "CHINWAG_RATE_LIMITS", value_name = "SWITCH", default_value = "on")]
    pub rate_limits: Switch,

    /// Grace after SIGTERM, in seconds: until then sends are answered and sockets closed.
    #[arg(long, env = "CHINWAG_DRAIN_SECONDS", value_name = "SECONDS", default_value = "10")]
    pub drain_seconds: u16,

    /// Form of the log [default: text on a terminal, json elsewhere]
    #[arg(long, env = "CHINWAG_LOG_FORMAT", value_name = "FORM")]
    pub log_format: Option<LogFormat>,

    /// What is logged, in the words of tracing's EnvFilter: error, warn, info, debug, chinwag::ws=debug …
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Between two pings; the tests shorten it.
    #[arg(skip = limits::HEARTBEAT)]
    pub heartbeat: Duration,

    /// How long a peer may take nothing of what is sent to it; the tests shorten it.
    #[arg(skip = limits::PEER_WRITE_TIMEOUT)]
    pub stall: Duration,

    /// Until a request's head must have arrived; the tests shorten it.
    #[arg(skip = limits::HEAD_TIMEOUT)]
    pub head_timeout: Duration,

    /// Until a request's body must have arrived; the tests shorten it.
    #[arg(skip = limits::BODY_TIMEOUT)]
    pub body_timeout: Duration,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl Config {
    /// The configuration of these arguments (the first is the program's name) and the environment. `--help` and `--version`
    /// are answered at once, and the process ends.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, String> {
        Self::try_parse_from(arguments).map_err(|error| {
            if !error.use_stderr() {
                error.exit();
            }
            one_line(&error)
        })
    }

    /// The store's URL.
    pub fn store_url(&self) -> Result<String, String> {
        let Some(url) = &self.database_url else {
            return Ok(format!("sqlite:{}", self.data.join("chinwag.db").display()));
        };
        // Not shown, since there may be a password in it.
        let known = ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
        known
            .then(|| url.clone())
            .ok_or_else(|| "DATABASE_URL (--database-url) takes postgres://…, postgresql://… or sqlite:FILE".to_owned())
    }

    /// Makes the data folder, if something is kept there.
    pub fn prepare_data(&self) -> Result<(), String> {
        if self.database_url.is_some() && (self.jwt_secret.is_some() || self.jwt_secret_file.is_some()) {
            return Ok(());
        }
        // Only for whoever runs the server: messages and hashes of passwords are in it.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data).map_err(|error| {
            format!("CHINWAG_DATA takes a folder that can be written: {}: {error}", self.data.display())
        })
    }

    /// The secret: as given, from the file, or the generated one.
    pub fn secret(&self) -> Result<Vec<u8>, String> {
        match (&self.jwt_secret, &self.jwt_secret_file) {
            (Some(given), _) => long_enough(given.clone().into_bytes(), "CHINWAG_JWT_SECRET (--jwt-secret)"),
            (None, Some(file)) => read_secret(file, "CHINWAG_JWT_SECRET_FILE"),
            (None, None) => {
                let file = self.data.join("jwt-secret");
                if !file.exists() {
                    generate_secret(&file).map_err(|error| format!("CHINWAG_DATA: {}: {error}", file.display()))?;
                }
                read_secret(&file, "CHINWAG_DATA")
            }
        }
    }
}

fn read_secret(file: &Path, variable: &str) -> Result<Vec<u8>, String> {
    let secret = fs::read(file).map_err(|error| format!("{variable}: {}: {error}", file.display()))?;
    long_enough(secret.trim_ascii().to_vec(), variable)
}

fn long_enough(secret: Vec<u8>, variable: &str) -> Result<Vec<u8>, String> {
    let enough = secret.len() >= SECRET_BYTES;
    enough.then_some(secret).ok_or_else(|| format!("{variable} takes a secret of at least {SECRET_BYTES} bytes"))
}

/// What the parser refused, in one line that names the variable and its flag.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.split(' ').next().unwrap_or_default(),
        _ => "",
    };
    let command = Config::command();
    let argument = command.get_arguments().find(|argument| argument.get_long() == flag.strip_prefix("--"));
    match argument.and_then(clap::Arg::get_env) {
        Some(variable) => format!("{} ({flag}): {said}", variable.to_string_lossy()),
        None => format!("{said} (--help explains the flags)"),
    }
}

/// Written aside and linked into place, so that of two starts at once both use the same secret.
fn generate_secret(file: &Path) -> std::io::Result<()> {
    let mut random = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut random).map_err(|_| std::io::Error::other("no random numbers"))?;
    let secret = BASE64.encode(random);
    let aside = file.with_extension(format!("{}.new", uuid::Uuid::now_v7()));
    let mut made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let written = made.write_all(secret.as_bytes()).and_then(|()| made.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&aside, file));
    fs::remove_file(&aside)?;
    linked.or_else(|error| if error.kind() == std::io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    text.parse()
        .ok()
        .or_else(address)
        .ok_or_else(|| "takes networks such as 10.0.0.0/8, with commas between".to_owned())
}

fn origins(text: &str) -> Result<Origins, String> {
    let takes = || "takes origins such as https://app.example.org, with commas between, or *".to_owned();
    if text.trim() == "*" {
        return Ok(Origins::Any);
    }
    let origin = |part: &str| {
        let origin = part.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, authority) = origin.split_once("://").ok_or_else(takes)?;
        let valid = matches!(scheme, "http" | "https") && !authority.is_empty() && !authority.contains('/');
        valid.then(|| origin.clone()).ok_or_else(takes)
    };
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    parts.map(origin).collect::<Result<_, _>>().map(Origins::These)
}

fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: u64 = 365 * 24 * 3600;
    let takes = || "takes a whole number from 1 with s, m, h or d, such as 15m; at most 365d".to_owned();
    let unit = text.chars().last().ok_or_else(takes)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(takes()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| takes())?;
    let total = number.checked_mul(seconds).filter(|total| (1..=LONGEST).contains(total));
    total.map(Duration::from_secs).ok_or_else(takes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Config, Switch};
    use crate::transport::Origins;

    fn read(arguments: &[&str]) -> Result<Config, String> {
        Config::read([&["chinwag"], arguments].concat())
    }

    #[test]
    fn nothing_is_required() {
        let config = read(&[]).expect("no arguments");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!((config.access_token_ttl, config.rate_limits), (Duration::from_secs(900), Switch::On));
        assert_eq!(config.store_url().as_deref(), Ok("sqlite:./data/chinwag.db"));
        assert_eq!(config.allowed_origins, Origins::These(vec![]));
    }

    #[test]
    fn bad_values_are_refused_with_what_the_variable_takes() {
        for (argument, variable) in [
            ("--listen=8080", "CHINWAG_LISTEN (--listen)"),
            ("--allowed-origins=example.org", "CHINWAG_ALLOWED_ORIGINS (--allowed-origins)"),
            ("--trusted-proxies=10.0.0.0/33", "CHINWAG_TRUSTED_PROXIES (--trusted-proxies)"),
            ("--access-token-ttl=15", "CHINWAG_ACCESS_TOKEN_TTL (--access-token-ttl)"),
            ("--access-token-ttl=0s", "CHINWAG_ACCESS_TOKEN_TTL (--access-token-ttl)"),
            ("--refresh-token-ttl=9999999999999999d", "CHINWAG_REFRESH_TOKEN_TTL (--refresh-token-ttl)"),
            ("--rate-limits=maybe", "CHINWAG_RATE_LIMITS (--rate-limits)"),
            ("--drain-seconds=-1", "CHINWAG_DRAIN_SECONDS (--drain-seconds)"),
            ("--nonsense", "--nonsense"),
        ] {
            let refused = read(&[argument]).expect_err(argument);
            assert!(refused.contains(variable) && !refused.contains('\n'), "{argument}: {refused}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let config = read(&["--jwt-secret", "hunter2", "--database-url", "mysql://me:hunter2@host/x"]).expect("read");
        let (secret, url) = (config.secret().expect_err("short"), config.store_url().expect_err("another database"));
        assert!(secret.contains("CHINWAG_JWT_SECRET") && url.contains("DATABASE_URL"));
        assert!(!format!("{secret}{url}").contains("hunter2"));
    }

    #[test]
    fn a_generated_secret_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = read(&["--data", folder.path().to_str().expect("UTF-8")]).expect("valid");
        let secret = config.secret().expect("generated");
        assert!(secret.len() >= 32);
        assert_eq!(config.secret(), Ok(secret));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(folder.path().join("jwt-secret")).expect("kept").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
}
