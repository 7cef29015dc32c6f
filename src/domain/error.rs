//! The one error type of Chinwag: a stable code, a sentence for users, and when to retry.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use super::log_counter::LogCounter;

/// The result of every fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The code of an error, for programs. The strings are part of the protocol and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request or frame has no valid form: not JSON, no known frame, a bad percent-encoding, no `Host` or two.
    Malformed,
    /// A field's value is not acceptable. `fields` names the field.
    Invalid,
    /// There is no token, or it is not valid (any more).
    Unauthorized,
    /// The access token has expired. The client refreshes it.
    TokenExpired,
    /// The session of the token has ended. The user logs in again.
    SessionEnded,
    /// The username is unknown or the password is wrong.
    BadCredentials,
    /// The user's role does not allow this, or the origin is not allowed.
    Forbidden,
    /// The password is right, and an operator has disabled the account.
    AccountDisabled,
    /// The operator allows no registrations.
    RegistrationClosed,
    /// The user has as many of something as an operator allows.
    QuotaExceeded,
    /// The object does not exist, or the caller may not know that it does.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The request did not arrive in time.
    Timeout,
    /// Another user has this username.
    UsernameTaken,
    /// Another user's message in the conversation has this id.
    IdTaken,
    /// The body or the frame is larger than the limit.
    TooLarge,
    /// The target of the request is longer than the limit.
    UriTooLong,
    /// The body is not declared as `application/json`.
    UnsupportedMediaType,
    /// This path only accepts WebSocket handshakes (RFC 6455, version 13).
    UpgradeRequired,
    /// The caller makes more calls than the rate limit allows.
    RateLimited,
    /// A resume named an event that does not exist (any more). The client starts over from history.
    Resync,
    /// The server is overloaded. It did nothing.
    Busy,
    /// The store cannot be reached.
    Unavailable,
    /// The server is about to stop. Another node, or the next process, serves the client.
    Draining,
    /// The server has a defect.
    Internal,
}

impl Code {
    /// Every code, for documents and tests.
    pub const ALL: [Self; 25] = [
        Self::Malformed,
        Self::Invalid,
        Self::Unauthorized,
        Self::TokenExpired,
        Self::SessionEnded,
        Self::BadCredentials,
        Self::Forbidden,
        Self::AccountDisabled,
        Self::RegistrationClosed,
        Self::QuotaExceeded,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::UsernameTaken,
        Self::IdTaken,
        Self::TooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::UpgradeRequired,
        Self::RateLimited,
        Self::Resync,
        Self::Busy,
        Self::Unavailable,
        Self::Draining,
        Self::Internal,
    ];

    /// Returns the stable string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::TokenExpired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::BadCredentials => "bad_credentials",
            Self::Forbidden => "forbidden",
            Self::AccountDisabled => "account_disabled",
            Self::RegistrationClosed => "registration_closed",
            Self::QuotaExceeded => "quota_exceeded",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::UsernameTaken => "username_taken",
            Self::IdTaken => "id_taken",
            Self::TooLarge => "too_large",
            Self::UriTooLong => "uri_too_long",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UpgradeRequired => "upgrade_required",
            Self::RateLimited => "rate_limited",
            Self::Resync => "resync",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }

    /// Returns true if the same request can succeed later without a change.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Timeout | Self::RateLimited | Self::Busy | Self::Unavailable | Self::Draining)
    }
}

/// A field that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The name in the request.
    pub field: Cow<'static, str>,
    /// The values that the field takes, or why this one is refused.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// Refuses `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// The failure of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// For programs.
    pub code: Code,
    /// One sentence for users. It has no secrets and no internals.
    pub detail: Cow<'static, str>,
    /// The fields that were refused, with [`Code::Invalid`].
    pub fields: Vec<FieldError>,
    /// The time after which a retry can succeed.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// Makes an error of a code and a sentence.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new(), retry_after: None }
    }

    /// Refuses one field.
    pub fn field(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        FieldError::new(field, detail).into()
    }

    /// The `noun` does not exist, or the caller may not know that it does.
    pub fn not_found(noun: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {noun}."))
    }

    /// The caller may not do this.
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// The server has a defect. `context` goes to the log and not to the client.
    pub fn internal(context: impl fmt::Display) -> Self {
        tracing::error!(%context, "internal error");
        Self::new(Code::Internal, "Something went wrong on the server.")
    }

    /// The store cannot be reached, or gave up. `context` goes to the log and not to the client.
    pub fn unavailable(context: impl fmt::Display) -> Self {
        static FAILURES: LogCounter = LogCounter::new();
        if let Some(unlogged) = FAILURES.admit(Instant::now()) {
            if unlogged > 0 {
                tracing::warn!(failures = unlogged, "further failures of the store, not logged one by one");
            }
            tracing::warn!(%context, "store unavailable");
        }
        Self::new(Code::Unavailable, "The store cannot be reached.").after(Duration::from_secs(1))
    }

    /// Adds the time after which a retry can succeed.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<FieldError> for Error {
    fn from(field: FieldError) -> Self {
        vec![field].into()
    }
}

impl From<Vec<FieldError>> for Error {
    fn from(fields: Vec<FieldError>) -> Self {
        let details: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.field, field.detail)).collect();
        Self { fields, ..Self::new(Code::Invalid, details.join("; ")) }
    }
}

/// The fields that an operation refuses, so that one error names all of them.
#[derive(Default)]
pub struct RefusedFields(Vec<FieldError>);

impl RefusedFields {
    /// Returns the value of a field, or `None` and notes the field if it is refused.
    pub fn check<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|refused| self.0.push(refused)).ok()
    }

    /// Returns `None` if no field was refused.
    pub fn none_or_error(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0.into()) }
    }
}

impl From<RefusedFields> for Error {
    fn from(refused: RefusedFields) -> Self {
        refused.0.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}
