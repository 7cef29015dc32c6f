//! Seals: bytes that only this server can have made, because an HMAC of them stands behind them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::hmac;

/// Seals for one purpose. Each has a key of its own, so that nothing sealed for one can ever pass for another.
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// Seals for `purpose`, whose key follows from the server's secret.
    pub(super) fn new(secret: &[u8], purpose: &str) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose.as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// The bytes and their HMAC-SHA-256, in base64url.
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        BASE64.encode([bytes, hmac::sign(&self.0, bytes).as_ref()].concat())
    }

    /// The `N` bytes that were sealed, if it was here and for this purpose.
    pub(super) fn verify<const N: usize>(&self, text: &str) -> Option<[u8; N]> {
        let bytes = BASE64.decode(text).ok()?;
        let (sealed, mac) = bytes.split_at_checked(N)?;
        hmac::verify(&self.0, sealed, mac).ok()?;
        sealed.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE64, Engine, Signer};

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn what_was_sealed_is_opened() {
        let signer = Signer::new(SECRET, "tests");
        let sealed = signer.sign(b"four");
        assert_eq!(signer.verify(&sealed), Some(*b"four"));
        assert_eq!(sealed, Signer::new(SECRET, "tests").sign(b"four"), "the same each time, on each node");
    }

    #[test]
    fn nothing_else_is() {
        let signer = Signer::new(SECRET, "tests");
        let sealed = signer.sign(b"four");
        let mut bytes = BASE64.decode(&sealed).expect("base64");
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert_eq!(signer.verify::<4>(&BASE64.encode(&bytes)), None, "byte {index}");
            bytes[index] ^= 1;
        }
        for bad in ["", "AAAA", &sealed[..sealed.len() - 1], &format!("{sealed}A"), &BASE64.encode(b"four")] {
            assert_eq!(signer.verify::<4>(bad), None, "{bad}");
        }
        assert_eq!(signer.verify::<3>(&sealed), None, "as much as was sealed");
        assert_eq!(signer.verify::<5>(&sealed), None);
        assert_eq!(Signer::new(SECRET, "others").verify::<4>(&sealed), None, "for this purpose");
        assert_eq!(Signer::new(b"another secret of 32 bytes or so", "tests").verify::<4>(&sealed), None);
    }
}
