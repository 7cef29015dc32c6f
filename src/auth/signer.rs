//! The signer: appends an HMAC to bytes, so that only servers with the secret can make them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::hmac;

/// Signs bytes for one purpose. Each purpose has a key of its own, so that bytes signed for one are not valid for another.
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// Returns a signer for `purpose`. Its key is derived from the server's secret.
    pub(super) fn new(secret: &[u8], purpose: &str) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose.as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// Returns the bytes and their HMAC-SHA-256, in base64url.
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        BASE64.encode([bytes, hmac::sign(&self.0, bytes).as_ref()].concat())
    }

    /// Returns the bytes' HMAC-SHA-256, as a key of its own for what they name.
    pub(super) fn derive_key(&self, bytes: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, bytes)
    }

    /// Returns the first 64 bits of the bytes' HMAC-SHA-256.
    pub(super) fn short_hash(&self, bytes: &[u8]) -> i64 {
        let hash = hmac::sign(&self.0, bytes);
        hash.as_ref().first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
    }

    /// Returns the `N` bytes that were signed, if they were signed with the same secret for the same purpose.
    pub(super) fn verify<const N: usize>(&self, text: &str) -> Option<[u8; N]> {
        let bytes = BASE64.decode(text).ok()?;
        let (signed, mac) = bytes.split_at_checked(N)?;
        hmac::verify(&self.0, signed, mac).ok()?;
        signed.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE64, Engine, Signer};

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_signed_text_is_verified() {
        let signer = Signer::new(SECRET, "tests");
        let text = signer.sign(b"four");
        assert_eq!(signer.verify(&text), Some(*b"four"));
        assert_eq!(text, Signer::new(SECRET, "tests").sign(b"four"), "the same each time, on each node");
    }

    #[test]
    fn an_altered_text_is_refused() {
        let signer = Signer::new(SECRET, "tests");
        let text = signer.sign(b"four");
        let mut bytes = BASE64.decode(&text).expect("base64");
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert_eq!(signer.verify::<4>(&BASE64.encode(&bytes)), None, "byte {index}");
            bytes[index] ^= 1;
        }
        for bad in ["", "AAAA", &text[..text.len() - 1], &format!("{text}A"), &BASE64.encode(b"four")] {
            assert_eq!(signer.verify::<4>(bad), None, "{bad}");
        }
        assert_eq!(signer.verify::<3>(&text), None, "the length is part of it");
        assert_eq!(signer.verify::<5>(&text), None);
        assert_eq!(Signer::new(SECRET, "others").verify::<4>(&text), None, "for this purpose");
        assert_eq!(Signer::new(b"another secret of 32 bytes or so", "tests").verify::<4>(&text), None);
    }
}
