//! Tokens: access tokens are JWTs (RFC 7519, HS256), refresh tokens are signed generations of a session, tickets are signed ids.
//!
//! A refresh token is `session id (16 bytes) ‖ generation (8 bytes) ‖ HMAC-SHA-256 of both (32 bytes)` in base64url. It is derived from
//! its generation. So a client whose answer was lost can get the same successor again, and the store keeps no secret of it. A ticket is
//! `id (16 bytes) ‖ HMAC-SHA-256 (32 bytes)`: a forged ticket never reaches the store.
//!
//! Where sessions are distributed by user, both have the user's id (16 bytes) before the HMAC as well. Each form is valid everywhere. A node of
//! an older release refuses the longer one, so that it is made only where no such node can serve.

use std::sync::Once;
use std::time::Duration;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer as JwtSign, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signer::Signer;
use crate::domain::session::{Caller, RefreshToken, SessionKey};
use crate::domain::{Code, Error, Result, SessionId, TicketId, Timestamp, UserId};

/// The claims of an access token. All of them are required.
#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// The bytes of an id.
const ID: usize = size_of::<Uuid>();
/// The bytes of a refresh token that are signed: session and generation.
const REFRESH: usize = ID + size_of::<i64>();
/// The same with the user.
const REFRESH_WITH_USER: usize = REFRESH + ID;
/// The bytes of a ticket that are signed, if it names its user.
const TICKET_WITH_USER: usize = ID + ID;

/// Makes and checks tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    refresh: Signer,
    tickets: Signer,
    access_ttl: Duration,
    /// True if refresh tokens and tickets name their user.
    names_users: bool,
}

impl Tokens {
    /// Signs tokens with `secret`. Access tokens live for `access_ttl`.
    pub fn new(secret: &[u8], access_ttl: Duration) -> Self {
        static PROVIDER: Once = Once::new();
        // This fails only if another part of the process installed a provider before, which serves as well.
        PROVIDER.call_once(|| {
            let _ = RING.install_default();
        });
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // The library lets a token live on until the second of `exp` is over. RFC 7519 ends it at its beginning, so `caller` checks that.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            refresh: Signer::new(secret, "chinwag refresh token v1"),
            tickets: Signer::new(secret, "chinwag ticket v1"),
            access_ttl,
            names_users: false,
        }
    }

    /// Makes refresh tokens and tickets that name their user, if `names_users`.
    #[must_use]
    pub fn naming_users(self, names_users: bool) -> Self {
        Self { names_users, ..self }
    }

    /// Returns the lifetime of an access token.
    pub fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    /// Returns an access token for a user's session.
    pub fn access(&self, user_id: UserId, session_id: SessionId, now: Timestamp) -> Result<String> {
        // Rounded up, so that a token lives as long as its client was promised.
        let exp = now.plus(self.access_ttl).plus(Duration::from_micros(999_999)).unix_seconds();
        let claims = Claims { sub: user_id, sid: session_id, iat: now.unix_seconds(), exp };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Error::internal)
    }

    /// Returns the caller that an access token names. Fails with `token_expired` or `unauthorized` if it is not valid.
    pub fn caller(&self, token: &str) -> Result<Caller> {
        self.caller_at(token, Timestamp::now())
    }

    fn caller_at(&self, token: &str, now: Timestamp) -> Result<Caller> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| Error::new(Code::Unauthorized, "The access token is not valid."))?;
        let Claims { sub: user_id, sid: session_id, exp, .. } = data.claims;
        let expires_at = Timestamp(exp.saturating_mul(1_000_000));
        if now >= expires_at {
            return Err(Error::new(Code::TokenExpired, "The access token has expired."));
        }
        Ok(Caller { user_id, session_id, expires_at })
    }

    /// Returns the refresh token of a session's generation.
    pub fn refresh(&self, session: SessionKey, generation: i64) -> String {
        let bytes = [&session.id.0.as_bytes()[..], &generation.to_be_bytes(), self.name_of(&session.user_id)].concat();
        self.refresh.sign(&bytes)
    }

    /// Returns the parts of a refresh token, if its signature is valid.
    pub fn parse_refresh(&self, token: &str) -> Option<RefreshToken> {
        if let Some(bytes) = self.refresh.verify::<REFRESH_WITH_USER>(token) {
            let (bytes, user_id) = bytes.split_at(REFRESH);
            return refresh_token(bytes, Some(UserId(Uuid::from_slice(user_id).ok()?)));
        }
        refresh_token(&self.refresh.verify::<REFRESH>(token)?, None)
    }

    /// Returns the ticket with an id.
    pub fn ticket(&self, id: TicketId, user_id: UserId) -> String {
        self.tickets.sign(&[&id.0.as_bytes()[..], self.name_of(&user_id)].concat())
    }

    /// Returns the id of a ticket, and its user if it names the user, if its signature is valid.
    pub fn parse_ticket(&self, ticket: &str) -> Option<(TicketId, Option<UserId>)> {
        if let Some(bytes) = self.tickets.verify::<TICKET_WITH_USER>(ticket) {
            let (id, user_id) = bytes.split_at(ID);
            return Some((TicketId(Uuid::from_slice(id).ok()?), Some(UserId(Uuid::from_slice(user_id).ok()?))));
        }
        self.tickets.verify(ticket).map(|id| (TicketId(Uuid::from_bytes(id)), None))
    }

    /// Returns the bytes by which a token names its user.
    fn name_of<'a>(&self, user_id: &'a UserId) -> &'a [u8] {
        if self.names_users { &user_id.0.as_bytes()[..] } else { &[] }
    }
}

/// Reads the session and the generation of a refresh token.
fn refresh_token(bytes: &[u8], user_id: Option<UserId>) -> Option<RefreshToken> {
    let (session_id, generation) = bytes.split_first_chunk()?;
    let generation = i64::from_be_bytes(generation.try_into().ok()?);
    Some(RefreshToken { session_id: SessionId(Uuid::from_bytes(*session_id)), generation, user_id })
}

/// Signs JWTs with ring, because `jsonwebtoken` has no cryptography of its own and ring is the tree's only such library.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Hs256::new(*algorithm, key.as_bytes()).map(|key| Box::new(key) as _),
    verifier_factory: |algorithm, key| Hs256::new(*algorithm, key.try_get_as_bytes()?).map(|key| Box::new(key) as _),
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(hmac::Key);

impl Hs256 {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, JwtError> {
        match algorithm {
            Algorithm::HS256 => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        }
    }
}

impl JwtSign<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        hmac::verify(&self.0, message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

    use super::Tokens;
    use crate::domain::session::{RefreshToken, SessionKey};
    use crate::domain::{Code, SessionId, TicketId, Timestamp, UserId};

    fn tokens() -> Tokens {
        Tokens::new(b"0123456789abcdef0123456789abcdef", Duration::from_secs(60))
    }

    #[test]
    fn an_access_token_names_its_user_and_session() {
        let (user_id, session_id) = (UserId::new(), SessionId::new());
        let token = tokens().access(user_id, session_id, Timestamp::now()).expect("signed");
        let caller = tokens().caller(&token).expect("valid");
        assert_eq!((caller.user_id, caller.session_id), (user_id, session_id));
    }

    #[test]
    fn tokens_that_were_tampered_with_are_refused() {
        let now = Timestamp::now();
        let token = tokens().access(UserId::new(), SessionId::new(), now).expect("signed");
        let code = |token: &str| tokens().caller(token).map(|_| ()).map_err(|error| error.code);
        let parts: Vec<&str> = token.split('.').collect();
        let none = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let unsigned = format!("{none}.{}.", parts[1]);
        let hs384 = BASE64.encode(r#"{"alg":"HS384","typ":"JWT"}"#);
        let swapped = format!("{}.{}.{}", parts[0], BASE64.encode("{}"), parts[2]);
        for bad in ["", "x", "a.b.c", &unsigned, &format!("{hs384}.{}.{}", parts[1], parts[2]), &swapped] {
            assert_eq!(code(bad), Err(Code::Unauthorized), "{bad}");
        }
        let other = Tokens::new(b"another secret of 32 bytes or so!", Duration::from_secs(60));
        assert!(other.caller(&token).is_err());
        let old = tokens().access(UserId::new(), SessionId::new(), Timestamp(now.0 - 61_000_000)).expect("signed");
        assert_eq!(code(&old), Err(Code::TokenExpired), "no leeway");
    }

    #[test]
    fn a_token_ends_at_the_moment_that_it_names() {
        let issued = Timestamp(1_700_000_000_000_001);
        let token = tokens().access(UserId::new(), SessionId::new(), issued).expect("signed");
        let expires_at = tokens().caller_at(&token, issued).expect("valid").expires_at;
        assert_eq!(expires_at, Timestamp(1_700_000_061_000_000), "60 s and the rest of a second");
        assert!(tokens().caller_at(&token, Timestamp(expires_at.0 - 1)).is_ok());
        let at_the_end = tokens().caller_at(&token, expires_at).map_err(|error| error.code);
        assert_eq!(at_the_end.map(|_| ()), Err(Code::TokenExpired));
    }

    #[test]
    fn a_refresh_token_is_the_same_each_time() {
        let session = SessionKey { user_id: UserId::new(), id: SessionId::new() };
        for (tokens, user_id) in [(tokens(), None), (tokens().naming_users(true), Some(session.user_id))] {
            let token = tokens.refresh(session, 7);
            assert_eq!(token, tokens.refresh(session, 7));
            let parsed = RefreshToken { session_id: session.id, generation: 7, user_id };
            assert_eq!(tokens.parse_refresh(&token), Some(parsed));
            assert!(tokens.caller(&token).is_err());
            assert_eq!(tokens.parse_ticket(&token), None);
        }
    }

    #[test]
    fn a_ticket_is_not_valid_as_another_token() {
        let (user_id, id) = (UserId::new(), TicketId::new());
        for (tokens, named) in [(tokens(), None), (tokens().naming_users(true), Some(user_id))] {
            let ticket = tokens.ticket(id, user_id);
            assert_eq!(tokens.parse_ticket(&ticket), Some((id, named)));
            assert!(tokens.caller(&ticket).is_err());
            assert_eq!(tokens.parse_refresh(&ticket), None);
        }
    }

    #[test]
    fn each_form_of_a_token_is_valid_everywhere() {
        let (short, long) = (tokens(), tokens().naming_users(true));
        let (session, id) = (SessionKey { user_id: UserId::new(), id: SessionId::new() }, TicketId::new());
        assert_eq!(short.parse_refresh(&long.refresh(session, 7)), long.parse_refresh(&long.refresh(session, 7)));
        assert_eq!(long.parse_refresh(&short.refresh(session, 7)), short.parse_refresh(&short.refresh(session, 7)));
        assert_eq!(short.parse_ticket(&long.ticket(id, session.user_id)), Some((id, Some(session.user_id))));
        assert_eq!(long.parse_ticket(&short.ticket(id, session.user_id)), Some((id, None)));
        let mut forged = BASE64.decode(short.refresh(session, 7)).expect("base64");
        forged.splice(24..24, *session.user_id.0.as_bytes());
        assert_eq!(long.parse_refresh(&BASE64.encode(forged)), None, "the signature covers the user");
    }
}
