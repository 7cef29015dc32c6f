//! Seals the cursors of a list whose positions a client must not read.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::signer::Signer;
use crate::domain::{Error, Result, UserId};

/// Encrypts and authenticates the cursors of one list. Each user has a key of their own, so that a cursor opens only for the user who got it,
/// and random nonces are drawn for few cursors each. Every node with the same secret opens it.
pub struct CursorSeal(Signer);

impl CursorSeal {
    /// Returns the seal of the list that `purpose` names. Its keys are derived from the server's secret.
    pub(super) fn new(secret: &[u8], purpose: &str) -> Self {
        Self(Signer::new(secret, purpose))
    }

    /// Returns the cursor of a position. The text has the same length for every position.
    pub fn seal<const N: usize>(&self, user_id: UserId, position: [u8; N]) -> Result<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Error::internal("the system has no random numbers"))?;
        let mut sealed = position.to_vec();
        let key = self.key(user_id).ok_or_else(cannot_seal)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| cannot_seal())?;
        Ok(BASE64.encode([&nonce, sealed.as_slice()].concat()))
    }

    /// Returns the position of a cursor that was sealed for this user. `None` for any other text.
    pub fn open<const N: usize>(&self, user_id: UserId, cursor: &str) -> Option<[u8; N]> {
        let bytes = BASE64.decode(cursor).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let position = self.key(user_id)?.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        (*position).try_into().ok()
    }

    fn key(&self, user_id: UserId) -> Option<LessSafeKey> {
        let key = self.0.derive_key(user_id.0.as_bytes());
        UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).ok().map(LessSafeKey::new)
    }
}

fn cannot_seal() -> Error {
    Error::internal("a cursor cannot be sealed")
}

#[cfg(test)]
mod tests {
    use super::{BASE64, CursorSeal, Engine};
    use crate::domain::UserId;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_cursor_opens_for_its_user_on_every_node() {
        let (seal, ada, eve) = (CursorSeal::new(SECRET, "tests"), UserId::new(), UserId::new());
        let cursor = seal.seal(ada, *b"a position").expect("sealed");
        assert_eq!(CursorSeal::new(SECRET, "tests").open(ada, &cursor), Some(*b"a position"));
        assert_eq!(seal.open::<10>(eve, &cursor), None, "it is not hers");
        assert_eq!(CursorSeal::new(SECRET, "others").open::<10>(ada, &cursor), None, "it is of another list");
        let other_secret = CursorSeal::new(b"another secret of 32 bytes or so", "tests");
        assert_eq!(other_secret.open::<10>(ada, &cursor), None);
        assert_eq!(seal.open::<9>(ada, &cursor), None, "the length is part of it");
    }

    #[test]
    fn a_cursor_tells_nothing_of_its_position() {
        let (seal, ada) = (CursorSeal::new(SECRET, "tests"), UserId::new());
        let cursor = |position| seal.seal::<10>(ada, position).expect("sealed");
        assert_ne!(cursor(*b"a position"), cursor(*b"a position"), "not even that it is the same");
        assert_eq!(cursor([0; 10]).len(), cursor([255; 10]).len());
        let bytes = BASE64.decode(cursor(*b"a position")).expect("base64");
        assert!(!bytes.windows(4).any(|part| part == b"posi"));
    }

    #[test]
    fn an_altered_cursor_is_refused() {
        let (seal, ada) = (CursorSeal::new(SECRET, "tests"), UserId::new());
        let mut bytes = BASE64.decode(seal.seal(ada, *b"four").expect("sealed")).expect("base64");
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert_eq!(seal.open::<4>(ada, &BASE64.encode(&bytes)), None, "byte {index}");
            bytes[index] ^= 1;
        }
        for bad in ["", "AAAA", "!", &BASE64.encode(&bytes[1..]), &BASE64.encode(b"four")] {
            assert_eq!(seal.open::<4>(ada, bad), None, "{bad}");
        }
    }
}
