//! The origins whose web pages may use the API and open WebSockets.

/// The origins that may use the API besides the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the variants say it")]
pub enum Origins {
    Any,
    /// In lower case, such as `https://example.org`.
    These(Vec<String>),
}

impl Origins {
    /// Returns true if pages of `origin` may use the API. The server's own origin always may. Only its host and port are compared,
    /// because behind a proxy that terminates TLS the server does not know its scheme.
    pub fn allow(&self, origin: &str, host: Option<&str>) -> bool {
        let Self::These(listed) = self else { return true };
        let Some((scheme, authority)) = split(origin) else { return false };
        let is_listed = |listed: &String| split(listed) == Some((scheme, authority));
        let is_own = |host: &str| authority.eq_ignore_ascii_case(without_default_port(scheme, host));
        listed.iter().any(is_listed) || host.is_some_and(is_own)
    }
}

/// Returns the scheme of an origin, and its host and port.
fn split(origin: &str) -> Option<(&str, &str)> {
    let (scheme, authority) = origin.split_once("://")?;
    Some((scheme, without_default_port(scheme, authority)))
}

/// Removes the default port of `scheme`, which browsers omit and some proxies add.
fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(port).or_else(|| authority.strip_suffix(':')).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn the_servers_own_origin_and_listed_origins_are_allowed() {
        let origins = Origins::These(vec!["https://app.example".to_owned()]);
        assert!(origins.allow("https://app.example", Some("chat.example")));
        assert!(origins.allow("https://chat.example", Some("chat.example")));
        for foreign in ["https://evil.example", "https://app.example.evil", "null", "", "chat.example"] {
            assert!(!origins.allow(foreign, Some("chat.example")), "{foreign}");
            assert!(Origins::Any.allow(foreign, None));
        }
    }

    #[test]
    fn a_default_port_is_the_same_as_none() {
        let own = |origin: &str, host: &str| Origins::These(Vec::new()).allow(origin, Some(host));
        for (origin, host) in [
            ("http://chat.example", "chat.example:80"),
            ("http://chat.example", "Chat.Example:"),
            ("http://chat.example:80", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("https://chat.example:443", "chat.example"),
            ("https://chat.example:8443", "chat.example:8443"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert!(own(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://chat.example", "chat.example:443"),
            ("https://chat.example", "chat.example:80"),
            ("https://chat.example:8443", "chat.example"),
            ("http://chat.example", "chat.example:8080"),
            ("http://[::1]", "[::80]"),
            ("ftp://chat.example", "chat.example:80"),
        ] {
            assert!(!own(origin, host), "{origin} {host}");
        }
        let listed = Origins::These(vec!["https://app.example:443".to_owned()]);
        assert!(listed.allow("https://app.example", None) && !listed.allow("http://app.example", None));
    }
}
