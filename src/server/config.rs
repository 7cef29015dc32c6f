//! The configuration from flags and environment variables. `--help` explains each setting. All have defaults.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use ring::rand::{SecureRandom, SystemRandom};

use super::arguments;
use super::database::{Database, GENERATED_SECRET, read_url};
use super::nats::Nats;
use crate::domain::registration::RegistrationMode;
use crate::limits;
use crate::transport::Origins;

/// The minimum length of a secret in bytes: the length of the hash that it keys (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// The permission bit that lets every user read a file.
const OTHERS_READ: u32 = 0o004;

/// The other commands of the binary. Each has its own arguments and help.
const COMMANDS: &str = "Commands; each has a --help of its own:
  chinwag user            Creates, lists, disables, enables and deletes users, makes admins
  chinwag report          Lists and settles the reports of members
  chinwag message         Removes a message
  chinwag registration    Shows or changes who may register
  chinwag invite          Makes an invitation
  chinwag backup FILE     Saves the database in a file, also while a server runs
  chinwag restore FILE    Replaces the database by a saved one
  chinwag migrate         Migrates the database, and distributes it over the workers of Citus
  chinwag check           Looks for faults in the database, also while servers run
  chinwag copy            Copies a SQLite database into PostgreSQL
  chinwag bench SCENARIO  Measures the speed of a server
  chinwag chat            Talks, in a terminal or a pipe";

/// A chat server in one binary: accounts, conversations and durable real-time messages over REST and WebSocket.
///
/// Every setting has a default. Without any, the server stores its data with SQLite in ./data and serves its page at
/// http://127.0.0.1:8080. A flag takes precedence over its environment variable.
#[derive(Clone, Debug, Parser)]
#[command(version, args_override_self = true, max_term_width = 110, after_help = COMMANDS)]
pub struct Config {
    /// IP address and port of the page, REST and WebSocket; 0.0.0.0:8080 accepts connections from other machines.
    #[arg(long, env = "CHINWAG_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080",
          value_parser = socket_address)]
    pub listen: SocketAddr,

    /// The data folder and the database.
    #[command(flatten)]
    pub database: Database,

    /// The same PostgreSQL database by a direct connection, for LISTEN, where --database-url goes through a pooler such as PgBouncer; nodes
    /// find each other by it [default: the database URL]
    #[arg(long, env = "CHINWAG_LISTEN_URL", value_name = "URL", hide_env_values = true)]
    pub listen_url: Option<String>,

    /// File that contains that URL, as an alternative to --listen-url, which shows its password [default: none]
    #[arg(long, env = "CHINWAG_LISTEN_URL_FILE", value_name = "FILE", conflicts_with = "listen_url")]
    pub listen_url_file: Option<PathBuf>,

    /// NATS.
    #[command(flatten)]
    pub nats: Nats,

    /// Who may register: open (everybody), invite (with an invitation, see chinwag invite) or closed (nobody; see chinwag
    /// user add). chinwag registration changes it while servers run.
    #[arg(long, env = "CHINWAG_REGISTRATION", value_name = "MODE", default_value = "open",
          value_parser = registration_mode)]
    pub registration: RegistrationMode,

    /// Secret that signs access tokens, at least 32 bytes, the same on all nodes [default: generated once, jwt-secret in the data
    /// folder]
    #[arg(long, env = "CHINWAG_JWT_SECRET", value_name = "TEXT", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// File that contains the secret, as an alternative to --jwt-secret [default: none]
    #[arg(long, env = "CHINWAG_JWT_SECRET_FILE", value_name = "FILE", conflicts_with = "jwt_secret")]
    pub jwt_secret_file: Option<PathBuf>,

    /// Origins whose web pages may use the API besides the server's own, separated by commas, such as `https://app.example.org`; * allows
    /// all [default: none]
    #[arg(long, env = "CHINWAG_ALLOWED_ORIGINS", value_name = "ORIGINS", value_parser = origins, default_value = "",
          hide_default_value = true)]
    pub allowed_origins: Origins,

    /// Networks of your reverse proxies, separated by commas, such as 10.0.0.0/8; their X-Forwarded-For is trusted [default: none]
    #[arg(long, env = "CHINWAG_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Lifetime of an access token: a whole number with s, m, h or d (seconds, minutes, hours, days), up to 365d.
    #[arg(long, env = "CHINWAG_ACCESS_TOKEN_TTL", value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub access_token_ttl: Duration,

    /// Lifetime of an unused refresh token: a whole number with s, m, h or d, up to 365d.
    #[arg(long, env = "CHINWAG_REFRESH_TOKEN_TTL", value_name = "TIME", default_value = "30d", value_parser = duration)]
    pub refresh_token_ttl: Duration,

    /// off removes the rate limits and the limits per user and per address, for load tests; the limits of memory stay.
    #[arg(long, env = "CHINWAG_RATE_LIMITS", value_name = "SWITCH", default_value = "on")]
    pub rate_limits: Switch,

    /// Maximum time in seconds from SIGTERM or SIGINT to exit; meanwhile writes in flight are committed and sockets are closed.
    #[arg(long, env = "CHINWAG_DRAIN_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = drain_seconds)]
    pub drain_seconds: u16,

    /// Format of the log [default: text on a terminal, json elsewhere]
    #[arg(long, env = "CHINWAG_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Log level: off, error, warn, info, debug or trace; or levels by module, such as info,chinwag::ws=debug (tracing's EnvFilter). Without
    /// a level for all modules it is info for the others.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// The interval between two pings. Only tests change it.
    #[arg(skip = limits::HEARTBEAT)]
    pub heartbeat: Duration,

    /// The time after which a socket is closed when its peer accepts no bytes. Only tests change it.
    #[arg(skip = limits::PEER_WRITE_TIMEOUT)]
    pub peer_write_timeout: Duration,

    /// The time in which the head of a request must arrive. Only tests change it.
    #[arg(skip = limits::HEAD_TIMEOUT)]
    pub head_timeout: Duration,

    /// The time in which the body of a request must arrive. Only tests change it.
    #[arg(skip = limits::BODY_TIMEOUT)]
    pub body_timeout: Duration,

    /// The bounds of the memory of subscriptions. Only tests change them.
    #[arg(skip = limits::SUBSCRIPTIONS)]
    pub subscriptions: limits::MemoryBounds,

    /// The times of presence. Only tests change them.
    #[arg(skip = limits::PRESENCE_TIMES)]
    pub presence: limits::PresenceTimes,
}

/// The setting of the rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// The limits apply.
    On,
    /// The limits are removed.
    Off,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people to read.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

impl Config {
    /// Reads the arguments (the first is the program's name) and the environment. For `--help` and `--version` it prints the text and
    /// exits.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, String> {
        arguments::read(arguments)
    }

    /// Creates the data folder if the database or the secret is in it.
    pub fn prepare_data(&self) -> Result<(), String> {
        if self.database.has_url() && (self.jwt_secret.is_some() || self.jwt_secret_file.is_some()) {
            return Ok(());
        }
        self.database.create_folder()
    }

    /// Returns the URL of a direct connection for notifications, if one is given, and the variable that gave it.
    pub fn listen_url(&self) -> Result<Option<(String, &'static str)>, String> {
        match (&self.listen_url, &self.listen_url_file) {
            (Some(url), _) => Ok(Some((url.clone(), "CHINWAG_LISTEN_URL"))),
            (None, Some(file)) => {
                let url = read_url(file, "CHINWAG_LISTEN_URL_FILE (--listen-url-file)")?;
                Ok(Some((url, "CHINWAG_LISTEN_URL_FILE")))
            }
            (None, None) => Ok(None),
        }
    }

    /// Returns the secret: the given one, the one in the file, or the generated one.
    pub fn secret(&self) -> Result<Vec<u8>, String> {
        match (&self.jwt_secret, &self.jwt_secret_file) {
            (Some(given), _) => check_length(given.clone().into_bytes(), "CHINWAG_JWT_SECRET (--jwt-secret)"),
            (None, Some(file)) => read_secret(file, "CHINWAG_JWT_SECRET_FILE"),
            (None, None) => {
                let file = self.generated_secret();
                if !file.exists() {
                    generate_secret(&file).map_err(|error| format!("CHINWAG_DATA: {}: {error}", file.display()))?;
                }
                read_secret(&file, "CHINWAG_DATA")
            }
        }
    }

    /// Returns the file that contains the secret if every user of the machine can read it. A group that can read it was given that right.
    pub fn exposed_secret(&self) -> Option<PathBuf> {
        if self.jwt_secret.is_some() {
            return None;
        }
        let file = self.jwt_secret_file.clone().unwrap_or_else(|| self.generated_secret());
        let is_exposed = fs::metadata(&file).is_ok_and(|metadata| metadata.permissions().mode() & OTHERS_READ != 0);
        is_exposed.then_some(file)
    }

    fn generated_secret(&self) -> PathBuf {
        self.database.folder.join(GENERATED_SECRET)
    }
}

fn read_secret(file: &Path, variable: &str) -> Result<Vec<u8>, String> {
    let secret = fs::read(file).map_err(|error| format!("{variable}: {}: {error}", file.display()))?;
    check_length(secret.trim_ascii().to_vec(), variable)
}

fn check_length(secret: Vec<u8>, variable: &str) -> Result<Vec<u8>, String> {
    let is_long_enough = secret.len() >= SECRET_BYTES_MIN;
    is_long_enough
        .then_some(secret)
        .ok_or_else(|| format!("{variable} takes a secret of at least {SECRET_BYTES_MIN} bytes"))
}

/// Generates the secret. It is written to a temporary file and linked to `file`, so that two processes that start at the same time use
/// the same secret.
fn generate_secret(file: &Path) -> std::io::Result<()> {
    let mut random = [0; SECRET_BYTES_MIN];
    SystemRandom::new().fill(&mut random).map_err(|_| std::io::Error::other("the system has no random numbers"))?;
    let secret = BASE64.encode(random);
    let temporary = file.with_extension(format!("{}.new", uuid::Uuid::now_v7()));
    let mut created = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = created.write_all(secret.as_bytes()).and_then(|()| created.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&temporary, file));
    fs::remove_file(&temporary)?;
    linked.or_else(|error| if error.kind() == std::io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "takes an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

fn drain_seconds(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("takes a whole number of seconds from 0 to {}", u16::MAX))
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    text.parse()
        .ok()
        .or_else(address)
        .ok_or_else(|| "takes networks such as 10.0.0.0/8, separated by commas".to_owned())
}

fn origins(text: &str) -> Result<Origins, String> {
    let takes = || {
        "takes origins such as https://app.example.org, without wildcards, separated by commas; or * alone".to_owned()
    };
    if text.trim() == "*" {
        return Ok(Origins::Any);
    }
    let origin = |part: &str| {
        let origin = part.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, authority) = origin.split_once("://").ok_or_else(takes)?;
        let valid = matches!(scheme, "http" | "https") && !authority.is_empty() && !authority.contains(['/', '*']);
        valid.then(|| origin.clone()).ok_or_else(takes)
    };
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    parts.map(origin).collect::<Result<_, _>>().map(Origins::These)
}

fn registration_mode(text: &str) -> Result<RegistrationMode, String> {
    RegistrationMode::parse(text).ok_or_else(|| "takes open, invite or closed".to_owned())
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const SECONDS_MAX: u64 = 365 * 24 * 3600;
    let takes = || "takes a whole number from 1 with s, m, h or d, such as 15m, up to 365d".to_owned();
    let unit = text.chars().last().ok_or_else(takes)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(takes()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| takes())?;
    let total = number.checked_mul(seconds).filter(|total| (1..=SECONDS_MAX).contains(total));
    total.map(Duration::from_secs).ok_or_else(takes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Config, RegistrationMode, Switch};
    use crate::transport::Origins;

    fn read(arguments: &[&str]) -> Result<Config, String> {
        Config::read([&["chinwag"], arguments].concat())
    }

    #[test]
    fn every_setting_has_a_default() {
        let config = read(&[]).expect("no arguments");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.registration, RegistrationMode::Open);
        assert_eq!((config.access_token_ttl, config.rate_limits), (Duration::from_secs(900), Switch::On));
        assert_eq!(config.database.store_url().as_deref(), Ok("sqlite:./data/chinwag.db"));
        assert_eq!(config.allowed_origins, Origins::These(vec![]));
    }

    #[test]
    fn a_refused_value_is_reported_with_its_variable() {
        for (argument, variable) in [
            ("--listen=8080", "CHINWAG_LISTEN (--listen)"),
            ("--allowed-origins=https://*.example.org", "CHINWAG_ALLOWED_ORIGINS (--allowed-origins)"),
            ("--allowed-origins=*,https://example.org", "CHINWAG_ALLOWED_ORIGINS (--allowed-origins)"),
            ("--allowed-origins=example.org", "CHINWAG_ALLOWED_ORIGINS (--allowed-origins)"),
            ("--trusted-proxies=10.0.0.0/33", "CHINWAG_TRUSTED_PROXIES (--trusted-proxies)"),
            ("--registration=Open", "CHINWAG_REGISTRATION (--registration)"),
            ("--registration=", "CHINWAG_REGISTRATION (--registration)"),
            ("--access-token-ttl=15", "CHINWAG_ACCESS_TOKEN_TTL (--access-token-ttl)"),
            ("--access-token-ttl=0s", "CHINWAG_ACCESS_TOKEN_TTL (--access-token-ttl)"),
            ("--refresh-token-ttl=9999999999999999d", "CHINWAG_REFRESH_TOKEN_TTL (--refresh-token-ttl)"),
            ("--rate-limits=maybe", "CHINWAG_RATE_LIMITS (--rate-limits)"),
            ("--drain-seconds=-1", "CHINWAG_DRAIN_SECONDS (--drain-seconds)"),
            ("--drain-seconds=ten", "CHINWAG_DRAIN_SECONDS (--drain-seconds)"),
            ("--drain-seconds=65536", "CHINWAG_DRAIN_SECONDS (--drain-seconds)"),
            ("--nonsense", "--nonsense"),
        ] {
            let refused = read(&[argument]).expect_err(argument);
            assert!(refused.contains(variable) && !refused.contains('\n'), "{argument}: {refused}");
            let says_what_it_takes =
                ["takes", "possible values", "unexpected"].iter().any(|word| refused.contains(word));
            assert!(says_what_it_takes && !refused.contains("invalid digit"), "{argument}: {refused}");
        }
    }

    #[test]
    fn secrets_are_not_in_errors() {
        let config = read(&["--jwt-secret", "hunter2", "--database-url", "mysql://me:hunter2@host/x"]).expect("read");
        let (secret, url) =
            (config.secret().expect_err("short"), config.database.store_url().expect_err("another database"));
        assert!(secret.contains("CHINWAG_JWT_SECRET") && url.contains("DATABASE_URL"));
        assert!(!format!("{secret}{url}").contains("hunter2"));
    }

    #[test]
    fn a_generated_secret_is_kept() {
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
