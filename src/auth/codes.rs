//! Random codes: generated passwords, and invitations, of which the store keeps only the hash.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::domain::{Error, Result};

/// Random bytes of a code. Nobody guesses 128 bits, so a plain hash without salt is enough.
const CODE_BYTES: usize = 16;

/// Returns a new code of 22 characters.
pub fn random_code() -> Result<String> {
    let mut random = [0; CODE_BYTES];
    SystemRandom::new().fill(&mut random).map_err(|_| Error::internal("the system has no random numbers"))?;
    Ok(BASE64.encode(random))
}

/// Returns the code of a new invitation and its hash.
pub fn new_invite_code() -> Result<(String, String)> {
    let code = random_code()?;
    let hash = invite_code_hash(&code);
    Ok((code, hash))
}

/// Returns the hash by which a store finds an invitation. White space around the code, as copying adds it, does not count.
pub fn invite_code_hash(code: &str) -> String {
    BASE64.encode(digest(&SHA256, code.trim().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{invite_code_hash, new_invite_code};

    #[test]
    fn a_code_is_found_by_its_hash() {
        let (code, hash) = new_invite_code().expect("random numbers");
        assert_eq!(invite_code_hash(&format!(" {code}\n")), hash);
        assert!(!hash.contains(&code) && code.len() == 22, "{code}");
        assert_ne!(new_invite_code().expect("random numbers").0, code);
    }
}
