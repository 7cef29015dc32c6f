//! Passwords: the rules for a new one, and the one form of each that is hashed.

use unicode_normalization::UnicodeNormalization;

use super::FieldError;
use super::user::{Username, case_fold};

/// Characters of a password, of any kind.
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=256;

/// Those of the 20,000 commonest passwords that are long enough, in lower case and sorted by bytes. The list is that of Django 5.2 (BSD
/// 3-Clause), collected by Royce Williams from passwords that were stolen and published.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password in the form that is hashed: Unicode's NFKC, because keyboards and systems write the same characters in different ways. It is
/// never printed, so it has no `Debug`.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Checks a new password of the user with this username, if it is known.
    pub fn new(text: &str, username: Option<&Username>) -> Result<Self, FieldError> {
        let refuse = |detail: &'static str| Err(FieldError::new("password", detail));
        let text = normalize(text);
        let length = text.chars().take(PASSWORD_CHARS.end() + 1).count();
        if !PASSWORD_CHARS.contains(&length) || text.contains('\0') {
            return refuse("takes 8 to 256 characters");
        }
        let folded = case_fold(&text);
        if username.is_some_and(|username| folded == username.key()) {
            return refuse("must not be the username");
        }
        if is_common(&folded) {
            return refuse("is among the commonest passwords, which are guessed first");
        }
        Ok(Self(text))
    }

    /// Takes a password that matched in a login. It was checked when it was new.
    pub fn from_login(text: String) -> Self {
        Self(normalize(&text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the form of a password that is hashed. ASCII is in that form.
pub fn normalize(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.nfkc().collect() }
}

fn is_common(folded: &str) -> bool {
    // The lines have different lengths, so the search goes by bytes and looks for the line around the middle.
    let (mut low, mut high) = (0, COMMON.len());
    while low < high {
        let middle = low.midpoint(high);
        let start =
            COMMON.as_bytes()[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let Some((line, _)) = COMMON.get(start..).and_then(|rest| rest.split_once('\n')) else { return false };
        match folded.cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => high = start,
            std::cmp::Ordering::Greater => low = start + line.len() + 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{COMMON, Password, is_common, normalize};
    use crate::domain::user::Username;

    fn refused(text: &str) -> Option<String> {
        let username = Username::parse("Ada.Lovelace").expect("valid");
        Password::new(text, Some(&username)).err().map(|error| error.detail.into_owned())
    }

    #[test]
    fn a_password_has_8_to_256_characters_of_any_kind() {
        for good in
            ["        ", "ünïcödé!", &"🔑".repeat(8), &"x".repeat(256), &"é".repeat(256), "\t\u{1}\u{7f} odd ones"]
        {
            assert_eq!(refused(good), None, "{good}");
        }
        for bad in ["", "1234567", "🔑🔑🔑", &"x".repeat(257), "a\0bcdefgh"] {
            assert_eq!(refused(bad).as_deref(), Some("takes 8 to 256 characters"), "{bad}");
        }
    }

    #[test]
    fn neither_the_username_nor_a_common_password_will_do() {
        for username in ["ada.lovelace", "ADA.LOVELACE", "Ａda.lovelace"] {
            assert_eq!(refused(username).as_deref(), Some("must not be the username"), "{username}");
        }
        for common in ["12345678", "password", "PassWord1", "ｐａｓｓｗｏｒｄ", "qwertyuiop"] {
            assert!(refused(common).is_some_and(|detail| detail.contains("commonest")), "{common}");
        }
        for other in ["correct horse", "battery staple", "ada.lovelace1", "12345678-"] {
            assert_eq!(refused(other), None, "{other}");
        }
    }

    #[test]
    fn every_line_of_the_list_is_found() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() > 8_000 && COMMON.ends_with('\n'));
        assert!(lines.is_sorted_by(|one, next| one < next), "the search needs it");
        for line in lines {
            assert!(is_common(line), "{line}");
            assert!(line.len() >= 8 && line == normalize(line) && line == line.to_lowercase(), "{line}");
            assert!(!is_common(&format!("{line}\n")) && !is_common(&line[..7]), "{line}");
        }
        for other in ["", "\n", "0", "~~~~~~~~~~~", "zzzzzzzzzzzzzzzzzzzzzz", "\u{10FFFF}"] {
            assert!(!is_common(other), "{other:?}");
        }
    }

    #[test]
    fn one_password_has_one_form() {
        let (composed, decomposed) = ("Zo\u{e9} und ich", "Zoe\u{301} und ich");
        assert_ne!(composed, decomposed);
        assert_eq!(normalize(composed), normalize(decomposed));
        assert_eq!(normalize("ﬁve words"), "five words");
    }
}
