//! Accounts of NATS: an operator, whose keys this process makes anew, and users with files of credentials. The formats are NATS's: keys in base32 with a
//! checksum (nkeys), and JWTs that they sign (ed25519-nkey).

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// The kinds of keys, each with the first byte of its text.
const OPERATOR: u8 = 14 << 3;
const ACCOUNT: u8 = 0;
const USER: u8 = 20 << 3;
const SEED: u8 = 18 << 3;

/// A key with its kind.
struct Key {
    kind: u8,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(kind: u8) -> Self {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).unwrap();
        Self { kind, seed, pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap() }
    }

    fn public(&self) -> String {
        encoded(&[&[self.kind], self.pair.public_key().as_ref()].concat())
    }

    fn seed(&self) -> String {
        encoded(&[&[SEED | self.kind >> 5, (self.kind & 31) << 3], &self.seed[..]].concat())
    }

    /// Returns a JWT in which this key says something of another one.
    fn says_of(&self, subject: &Key, name: &str, claims: Value) -> String {
        let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let body = json!({
            "jti": name, "iat": now, "iss": self.public(), "sub": subject.public(), "name": name, "nats": claims,
        });
        let signed = [header, body].map(|part| BASE64.encode(part.to_string())).join(".");
        let signature = BASE64.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// An operator with one account.
pub(crate) struct Accounts {
    operator: Key,
    account: Key,
}

impl Accounts {
    pub(crate) fn new() -> Self {
        Self { operator: Key::new(OPERATOR), account: Key::new(ACCOUNT) }
    }

    /// Returns the settings of a server that knows the account.
    pub(crate) fn settings(&self) -> String {
        let operator = self.operator.says_of(&self.operator, "operator", json!({"type": "operator", "version": 2}));
        let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1});
        let claims = json!({"type": "account", "version": 2, "limits": limits});
        let account = self.operator.says_of(&self.account, "account", claims);
        format!(
            "operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {account} }}\n",
            self.account.public()
        )
    }

    /// Returns the content of a file of credentials of a new user.
    pub(crate) fn credentials(&self) -> String {
        let user = Key::new(USER);
        let claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}});
        let jwt = self.account.says_of(&user, "node", claims);
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed()
        )
    }
}

/// Returns bytes with their checksum in base32.
fn encoded(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let checksum = checksum(bytes).to_le_bytes();
    let (mut text, mut bits, mut count) = (String::new(), 0_u32, 0);
    for byte in bytes.iter().chain(&checksum) {
        (bits, count) = (bits << 8 | u32::from(*byte), count + 8);
        while count >= 5 {
            count -= 5;
            text.push(char::from(ALPHABET[(bits >> count & 31) as usize]));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - count) & 31) as usize]));
    }
    text
}

/// Returns the CRC-16 of XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 })
    })
}
