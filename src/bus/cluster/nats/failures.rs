//! Failures: why the client of NATS does not connect, in a sentence for the operator.
//!
//! The client's events name the kind of a failure alone, which mostly is `IO error`. Its list of servers has the last error of each with all its sources.

use async_nats::{ConnectErrorKind, Server};

use super::settings::without_login;

/// The texts that tell errors apart, and the reasons that they stand for.
const REASONS: [(&str, &str); 9] = [
    ("Connection refused", "nothing listens there"),
    ("authorization violation", "the user, password, token or credentials are wrong or missing"),
    ("failed signing nonce", "the credentials cannot sign"),
    ("timed out", "it does not answer in time"),
    ("UnknownIssuer", "no known authority has signed its certificate; CHINWAG_NATS_CA_FILE names others"),
    ("invalid peer certificate", "its certificate is not valid for this address"),
    ("CertificateRequired", "it needs a certificate of this node: CHINWAG_NATS_CERT_FILE and CHINWAG_NATS_KEY_FILE"),
    ("InvalidContentType", "it does not use TLS"),
    ("unreachable", "no network leads there"),
];
/// The reason for an error without a known text.
const OTHER: &str = "see the error";

/// The failure of the last attempt to connect to a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure<'a> {
    pub(super) server: String,
    pub(super) reason: &'static str,
    pub(super) error: &'a str,
}

/// Returns the failures of servers that could not be connected to.
pub(super) fn failures(servers: &[Server]) -> impl Iterator<Item = Failure<'_>> {
    servers.iter().filter_map(|Server { addr, last_error, .. }| {
        let error = last_error.as_deref()?;
        Some(Failure { server: without_login(addr), reason: reason(error), error })
    })
}

/// Returns true if the list of servers does not show a failure of this kind: the client did not get as far as to a server.
pub(super) fn is_about_names(kind: &str) -> bool {
    kind == ConnectErrorKind::Dns.to_string()
}

fn reason(error: &str) -> &'static str {
    REASONS.into_iter().find(|(text, _)| error.contains(text)).map_or(OTHER, |(_, reason)| reason)
}

#[cfg(test)]
mod tests {
    use async_nats::Server;

    use super::{Failure, OTHER, failures, reason};

    fn server(url: &str, last_error: Option<&str>) -> Server {
        Server {
            addr: url.parse().expect("an address"),
            failed_attempts: 1,
            did_connect: false,
            is_discovered: false,
            last_error: last_error.map(str::to_owned),
        }
    }

    #[test]
    fn a_failure_has_a_reason_and_no_password() {
        let refused = "IO error: Connection refused (os error 111)";
        let servers = [server("nats://ada:hunter2@[::1]:4222", Some(refused)), server("nats://nats.example", None)];
        let expected =
            Failure { server: "nats://[::1]:4222".to_owned(), reason: "nothing listens there", error: refused };
        assert_eq!(failures(&servers).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn certificates_are_told_apart() {
        let refused = |why| reason(&format!("IO error: {why}"));
        assert!(refused("invalid peer certificate: UnknownIssuer").contains("CHINWAG_NATS_CA_FILE"));
        assert!(refused("invalid peer certificate: certificate expired").contains("not valid"));
        assert!(refused("received fatal alert: CertificateRequired").contains("CHINWAG_NATS_CERT_FILE"));
        assert_eq!(refused("the disk is full"), OTHER);
    }
}
