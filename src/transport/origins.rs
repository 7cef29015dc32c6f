//! Origins: which pages may use the API and open WebSockets.

/// Which origins may use the API besides the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All of them.
    Any,
    /// These: `https://example.org`, in lower case.
    These(Vec<String>),
}

impl Origins {
    /// Whether a page of this origin may use the API. The server's own origin always may; behind a proxy that speaks TLS
    /// only host and port can be compared.
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
    fn ones_own_origin_and_the_listed_ones_are_allowed() {
        let origins = Origins::These(vec!["https://app.example".to_owned()]);
        assert!(origins.allow("https://app.example", Some("chat.example")));
        assert!(origins.allow("https://chat.example", Some("chat.example")));
        for foreign in ["https://evil.example", "https://app.example.evil", "null", "", "chat.example"] {
            assert!(!origins.allow(foreign, Some("chat.example")), "{foreign}");
            assert!(Origins::Any.allow(foreign, None));
        }
    }
}
