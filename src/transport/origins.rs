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
        let own = || {
            origin
                .split_once("://")
                .is_some_and(|(_, authority)| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)))
        };
        match self {
            Self::Any => true,
            Self::These(origins) => origins.iter().any(|allowed| allowed == origin) || own(),
        }
    }
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
}
