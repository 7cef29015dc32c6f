//! Errors in the protocol: a problem (RFC 9457) over HTTP, an `error` frame over WebSocket.

use serde::Serialize;

use crate::domain::{Code, Error};

/// The members of a problem, the same for both transports.
#[derive(Serialize)]
pub struct Problem<'a> {
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    retryable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

#[derive(Serialize)]
struct FieldObject<'a> {
    field: &'a str,
    detail: &'a str,
}

impl<'a> Problem<'a> {
    /// Makes a problem of an error.
    pub fn new(error: &'a Error, request_id: Option<&'a str>) -> Self {
        Self {
            title: title(error.code),
            status: status(error.code),
            detail: &error.detail,
            code: error.code.as_str(),
            request_id,
            retryable: error.code.retryable(),
            errors: error.fields.iter().map(|f| FieldObject { field: &f.field, detail: &f.detail }).collect(),
            // Rounded up, since a client that retries a moment too early is refused again.
            retry_after_ms: error
                .retry_after
                .map(|wait| u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)),
        }
    }
}

/// The body of an HTTP response: the problem and its `type`.
#[derive(Serialize)]
pub struct ProblemBody<'a> {
    /// Always `about:blank`: the types have no pages, and `code` identifies them.
    r#type: &'static str,
    #[serde(flatten)]
    problem: Problem<'a>,
}

impl<'a> ProblemBody<'a> {
    /// Makes the body for `error`.
    pub fn new(error: &'a Error, request_id: &'a str) -> Self {
        Self { r#type: "about:blank", problem: Problem::new(error, Some(request_id)) }
    }
}

/// An `error` frame: the problem and the `ref` of the frame that it answers.
#[derive(Serialize)]
pub struct ErrorFrame<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#ref: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<crate::domain::ConversationId>,
    #[serde(flatten)]
    problem: Problem<'a>,
}

impl<'a> ErrorFrame<'a> {
    /// Makes the frame for `error`.
    pub fn new(
        error: &'a Error,
        reference: Option<&'a str>,
        conversation_id: Option<crate::domain::ConversationId>,
    ) -> Self {
        Self { r#type: "error", r#ref: reference, conversation_id, problem: Problem::new(error, None) }
    }
}

/// Returns the HTTP status of a code.
pub fn status(code: Code) -> u16 {
    match code {
        Code::Malformed => 400,
        Code::Unauthorized | Code::TokenExpired | Code::SessionEnded | Code::BadCredentials => 401,
        Code::Forbidden | Code::AccountDisabled | Code::RegistrationClosed | Code::QuotaExceeded => 403,
        Code::NotFound => 404,
        Code::MethodNotAllowed => 405,
        Code::Timeout => 408,
        Code::UsernameTaken | Code::IdTaken | Code::Resync => 409,
        Code::TooLarge => 413,
        Code::UriTooLong => 414,
        Code::UnsupportedMediaType => 415,
        Code::Invalid => 422,
        Code::UpgradeRequired => 426,
        Code::RateLimited => 429,
        Code::Internal => 500,
        Code::Busy | Code::Unavailable | Code::Draining => 503,
    }
}

fn title(code: Code) -> &'static str {
    match code {
        Code::Malformed => "Malformed request",
        Code::Invalid => "Invalid field",
        Code::Unauthorized => "Authentication required",
        Code::TokenExpired => "Token expired",
        Code::SessionEnded => "Session ended",
        Code::BadCredentials => "Wrong username or password",
        Code::Forbidden => "Forbidden",
        Code::AccountDisabled => "Account disabled",
        Code::RegistrationClosed => "Registration closed",
        Code::QuotaExceeded => "Quota exceeded",
        Code::NotFound => "Not found",
        Code::MethodNotAllowed => "Method not allowed",
        Code::Timeout => "Request timed out",
        Code::UsernameTaken => "Username taken",
        Code::IdTaken => "Message id taken",
        Code::TooLarge => "Too large",
        Code::UriTooLong => "Target too long",
        Code::UnsupportedMediaType => "Unsupported media type",
        Code::UpgradeRequired => "Upgrade required",
        Code::RateLimited => "Too many requests",
        Code::Resync => "Start over from history",
        Code::Busy => "Busy",
        Code::Unavailable => "Unavailable",
        Code::Draining => "Draining",
        Code::Internal => "Internal error",
    }
}
