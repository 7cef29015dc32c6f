//! Reads the URL of a PostgreSQL server, as libpq does.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use super::errors::described;
use super::tls::{TLS_PARAMETERS, Tls};
use crate::domain::{Code, Error, Result};

/// A parameter of which tokio-postgres does not know all values. It does not know those of TLS either.
const TARGET: &str = "target_session_attrs";

/// The settings of a URL.
pub(super) struct DatabaseUrl {
    /// A configuration for each host.
    pub(super) hosts: Vec<Config>,
    pub(super) tls: Tls,
}

impl DatabaseUrl {
    /// Reads a `postgres://…` URL.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (rest, own) = without_own_parameters(url);
        let tls = Tls::parse(&own)?;
        if let Some(attributes) = own.get(TARGET)
            && !["any", "read-write", "primary"].contains(&attributes.as_str())
        {
            return Err(refuse("target_session_attrs takes primary, read-write or any: chinwag writes"));
        }
        let config: Config = rest.parse().map_err(|failure| {
            // After an unescaped "@" in the password, the cause would cite the rest of the password as the host.
            let cause = if url.matches('@').count() > 1 {
                "write an @ in the password as %40".to_owned()
            } else {
                described(&failure)
            };
            refuse(format!("not a PostgreSQL URL: {cause}"))
        })?;
        Ok(Self { hosts: each_host(&config)?, tls })
    }
}

fn refuse(detail: impl Into<String>) -> Error {
    Error::new(Code::Invalid, detail.into())
}

/// Splits the parameters that are read here off a URL. Returns the rest of the URL and their values.
fn without_own_parameters(url: &str) -> (String, HashMap<&'static str, String>) {
    let after_credentials = url.find('@').map_or(0, |at| at + 1);
    let mut own = HashMap::new();
    let Some(query_start) = url[after_credentials..].find('?') else { return (url.to_owned(), own) };
    let (base, query) = url.split_at(after_credentials + query_start);
    let mut rest = Vec::new();
    for pair in query[1..].split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match TLS_PARAMETERS.iter().chain([&TARGET]).find(|own| **own == name) {
            Some(name) => _ = own.insert(*name, percent_decode_str(value).decode_utf8_lossy().into_owned()),
            None => rest.push(pair),
        }
    }
    let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (rest, own)
}

/// Splits a configuration by its hosts, so that each can be tried in its own time.
fn each_host(config: &Config) -> Result<Vec<Config>> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    if count == 0 {
        return Err(refuse("not a PostgreSQL URL: it names no host"));
    }
    if ![0, count].contains(&names.len()) || ![0, count].contains(&addresses.len()) {
        return Err(refuse("not a PostgreSQL URL: it has as many hosts as hostaddrs, or none of either"));
    }
    if ![0, 1, count].contains(&ports.len()) {
        return Err(refuse("not a PostgreSQL URL: it has one port, or as many as hosts"));
    }
    let of_host = |index: usize| {
        let mut one = Config::new();
        match names.get(index) {
            Some(Host::Tcp(name)) => _ = one.host(name),
            Some(Host::Unix(path)) => _ = one.host_path(path),
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or(ports.first()) {
            one.port(*port);
        }
        if let Some(user) = config.get_user() {
            one.user(user);
        }
        if let Some(password) = config.get_password() {
            one.password(password);
        }
        if let Some(name) = config.get_dbname() {
            one.dbname(name);
        }
        if let Some(options) = config.get_options() {
            one.options(options);
        }
        one.ssl_negotiation(config.get_ssl_negotiation())
            .channel_binding(config.get_channel_binding())
            .load_balance_hosts(config.get_load_balance_hosts())
            // After a failover the old primary takes no writes.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        one
    };
    Ok((0..count).map(of_host).collect())
}

/// Returns a host and its port, for messages to the operator. Without the password.
pub(super) fn address(config: &Config) -> String {
    let name = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let name = name.or_else(|| config.get_hostaddrs().first().map(ToString::to_string)).unwrap_or_default();
    match config.get_ports().first() {
        Some(port) => format!("{name}:{port}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, address, without_own_parameters};
    use crate::domain::Code;

    fn addresses(url: &str) -> Vec<String> {
        DatabaseUrl::parse(url).expect(url).hosts.iter().map(address).collect()
    }

    #[test]
    fn own_parameters_are_split_off_the_url() {
        let split = |url| {
            let (rest, mut own) = without_own_parameters(url);
            (rest, own.remove("sslmode"), own.remove("target_session_attrs"))
        };
        assert_eq!(split("postgres://h/d"), ("postgres://h/d".to_owned(), None, None));
        assert_eq!(
            split("postgres://u:p?q@h/d?a=1&sslmode=verify-full&b=2&target_session_attrs=read%2Dwrite"),
            ("postgres://u:p?q@h/d?a=1&b=2".to_owned(), Some("verify-full".to_owned()), Some("read-write".to_owned()))
        );
        assert_eq!(split("postgres://h/d?sslmode"), ("postgres://h/d".to_owned(), Some(String::new()), None));
    }

    #[test]
    fn a_url_names_one_host_or_several() {
        assert_eq!(addresses("postgres://u:s3cret@example.org:5433/d"), ["example.org:5433"]);
        assert_eq!(addresses("postgres://u@a:1,b:2,[::1]:3/d"), ["a:1", "b:2", "::1:3"]);
        assert_eq!(addresses("postgres://u@a,b/d?target_session_attrs=primary"), ["a:5432", "b:5432"]);
        assert_eq!(addresses("postgres://u@%2Frun%2Fpostgresql/d"), ["/run/postgresql:5432"]);
    }

    #[test]
    fn errors_about_bad_urls_do_not_contain_the_password() {
        for bad in [
            "postgres://u:s3cret@h/d?sslmode=maybe",
            "postgres://u:s3cret@h/d?target_session_attrs=standby",
            "postgres://u:s3cret@h/d?sslcert=a.crt",
            "postgres://u:s3cret@h/d?sslrootcert=system&sslmode=require",
            "postgres://u:s3cret@h:x/d",
            "postgres://u:s3cret@a,b/d?hostaddr=127.0.0.1",
            "mysql://u:s3cret@h",
            "postgres://u:s3@cret?x=y@h/d",
        ] {
            let error = DatabaseUrl::parse(bad).err().expect(bad);
            assert_eq!(error.code, Code::Invalid, "{bad}");
            assert!(!error.detail.contains("cret"), "{error}");
        }
    }
}
