//! Reading a request's body: bounded in bytes and in time.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use super::request::Request;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::wire;

/// When a request's body began to be read, and when it was there.
#[derive(Debug, Default)]
pub struct Arrival {
    begun: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

impl Arrival {
    /// How long it took, so far.
    pub(super) fn took(&self) -> Duration {
        let ended = self.ended.get().copied().unwrap_or_else(Instant::now);
        self.begun.get().map_or(Duration::ZERO, |begun| ended - *begun)
    }
}

impl Request {
    /// The JSON body. Refused before it is read if it is not declared as JSON or declared too long.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let media_type = self.header(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            let detail = "The body must be declared with Content-Type: application/json.";
            return Err(Error::new(Code::UnsupportedMediaType, detail));
        }
        wire::parse(&self.read_body().await?)
    }

    async fn read_body(&mut self) -> Result<Bytes> {
        let Some(body) = self.body.take() else { return Ok(Bytes::new()) };
        let too_large = || Error::new(Code::TooLarge, format!("A body has at most {} bytes.", limits::BODY_BYTES));
        if body.size_hint().lower() > limits::BODY_BYTES as u64 {
            return Err(too_large());
        }
        let reading = Limited::new(body, limits::BODY_BYTES).collect();
        self.arrival.begun.get_or_init(Instant::now);
        let read = timeout(self.state.body_timeout, reading).await;
        self.arrival.ended.get_or_init(Instant::now);
        match read {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Error::new(Code::Malformed, "The body ended before its time or is badly framed.")),
            Err(_) => Err(Error::new(Code::Timeout, "The body took too long to arrive.")),
        }
    }
}
