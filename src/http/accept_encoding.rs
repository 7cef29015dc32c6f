//! The content coding that a client prefers (RFC 9110, section 12.5.3).

/// A content coding that the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
    /// No coding.
    Identity,
}

impl Coding {
    /// The name in `Content-Encoding`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    fn is_called(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name()) || self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip")
    }

    /// Returns the coding with the greatest weight in the fields `Accept-Encoding`; among equals the one with the fewest bytes. A client that
    /// takes none gets the content as it is: it could do less with an error.
    pub(super) fn preferred<'a>(fields: impl Iterator<Item = &'a str>) -> Self {
        let items: Vec<_> = fields.flat_map(|field| field.split(',')).filter_map(weighed).collect();
        let weight = |coding: Self| {
            let named = items.iter().find(|(name, _)| coding.is_called(name));
            named.or_else(|| items.iter().find(|(name, _)| *name == "*")).map_or(0.0, |(_, weight)| *weight)
        };
        // `max_by` returns the last of equals.
        let least_first = [Self::Identity, Self::Gzip, Self::Brotli];
        let best = least_first.into_iter().max_by(|one, other| weight(*one).total_cmp(&weight(*other)));
        best.filter(|coding| weight(*coding) > 0.0).unwrap_or(Self::Identity)
    }
}

/// Returns the name of a list's item and its weight, or `None` if the weight is not a number from 0 to 1.
fn weighed(item: &str) -> Option<(&str, f32)> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let Some((key, weight)) = parts.next().map(|part| part.split_once('=').unwrap_or((part, ""))) else {
        return Some((name, 1.0));
    };
    let weight = weight.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    key.trim().eq_ignore_ascii_case("q").then_some((name, weight))
}

#[cfg(test)]
mod tests {
    use super::Coding::{self, Brotli, Gzip, Identity};

    #[test]
    fn the_greatest_weight_wins() {
        for (field, expected) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip, deflate", Gzip),
            ("X-GZIP", Gzip),
            ("br;q=0.1, gzip", Gzip),
            ("br;q=0.5, gzip ; Q = 0.5", Brotli),
            ("identity, br;q=0.9", Identity),
            ("gzip;q=0.001", Gzip),
            ("*", Brotli),
            ("*;q=0.5, br;q=0", Gzip),
            ("br;q=0, gzip;q=0", Identity),
            ("identity;q=0, br", Brotli),
            ("*;q=0", Identity),
            ("identity;q=0", Identity),
            ("deflate, zstd", Identity),
            ("", Identity),
            (", ,", Identity),
        ] {
            assert_eq!(Coding::preferred([field].into_iter()), expected, "{field}");
        }
        assert_eq!(Coding::preferred(["gzip;q=0.5", "br"].into_iter()), Brotli, "in two fields");
        assert_eq!(Coding::preferred([].into_iter()), Identity);
    }

    #[test]
    fn an_item_with_a_bad_weight_counts_as_absent() {
        for field in ["br;q=2", "br;q=-1", "br;q=", "br;q", "br;q=NaN", "br;q=inf", "br;q=1;x, gzip;q=x", "br;level=1"]
        {
            let expected = if field.starts_with("br;q=1;") { Brotli } else { Identity };
            assert_eq!(Coding::preferred([field].into_iter()), expected, "{field}");
        }
    }
}
