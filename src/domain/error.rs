//! The one error of Chinwag: a stable code, words for people, and what may be done about it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What every fallible operation returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as programs tell it apart. The strings are part of the protocol and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not JSON, not a known frame, a bad percent-encoding, no or two `Host`.
    Malformed,
    /// A field's value is not acceptable; `fields` names it.
    Invalid,
    /// No token, or one that is not (or no longer) valid.
    Unauthorized,
    /// The access token's time is over: refresh it.
    TokenExpired,
    /// The session of this token has ended: log in again.
    SessionEnded,
    /// Username and password do not belong together.
    BadCredentials,
    /// Too small a role, or an origin that is not allowed.
    Forbidden,
    /// There is no such thing, or none that the caller may know of.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The request took too long to arrive.
    Timeout,
    /// Somebody has this username.
    UsernameTaken,
    /// Somebody else's message in this conversation has this id.
    IdTaken,
    /// The body or the frame is larger than the limit.
    TooLarge,
    /// The target of the request is longer than the limit.
    UriTooLong,
    /// The body is not declared as `application/json`.
    UnsupportedMediaType,
    /// This address speaks WebSocket (RFC 6455, version 13) only.
    UpgradeRequired,
    /// More requests than the limit allows.
    RateLimited,
    /// The request's header fields are larger than the limit.
    HeadersTooLarge,
    /// A resume named a number that does not exist yet: start over from history.
    Resync,
    /// The server is overloaded; nothing was done.
    Busy,
    /// The store cannot be reached.
    Unavailable,
    /// The server is about to stop; another, or the next one, serves.
    Draining,
    /// A defect of the server.
    Internal,
}

impl Code {
    /// Every code, for documents and tests.
    pub const ALL: [Self; 23] = [
        Self::Malformed,
        Self::Invalid,
        Self::Unauthorized,
        Self::TokenExpired,
        Self::SessionEnded,
        Self::BadCredentials,
        Self::Forbidden,
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
        Self::HeadersTooLarge,
        Self::Resync,
        Self::Busy,
        Self::Unavailable,
        Self::Draining,
        Self::Internal,
    ];

    /// The stable string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::TokenExpired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::BadCredentials => "bad_credentials",
            Self::Forbidden => "forbidden",
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
            Self::HeadersTooLarge => "headers_too_large",
            Self::Resync => "resync",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later without a change.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Timeout | Self::RateLimited | Self::Busy | Self::Unavailable | Self::Draining)
    }
}

/// One field that was refused and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name as in the request.
    pub field: Cow<'static, str>,
    /// What it takes.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// An operation's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// One sentence for people. Never a secret, never an internal.
    pub detail: Cow<'static, str>,
    /// The fields that were refused, with [`Code::Invalid`].
    pub fields: Vec<FieldError>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error with a code and a sentence.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new(), retry_after: None }
    }

    /// One field was refused.
    pub fn field(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        FieldError::new(field, detail).into()
    }

    /// There is no such `noun`, or none that the caller may know of.
    pub fn not_found(noun: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {noun}."))
    }

    /// The caller may not do this.
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// A defect; `context` goes to the log, not to the caller.
    pub fn internal(context: impl fmt::Display) -> Self {
        tracing::error!(%context, "internal error");
        Self::new(Code::Internal, "Something went wrong on the server.")
    }

    /// The store cannot be reached, or gave up; `context` goes to the log, not to the caller.
    pub fn unavailable(context: impl fmt::Display) -> Self {
        tracing::warn!(%context, "store unavailable");
        Self::new(Code::Unavailable, "The store cannot be reached.").after(Duration::from_secs(1))
    }

    /// The same error with a hint when to come back.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<FieldError> for Error {
    fn from(field: FieldError) -> Self {
        let detail = format!("{}: {}", field.field, field.detail);
        Self { fields: vec![field], ..Self::new(Code::Invalid, detail) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}
