//! Reading a request's body: bounded in bytes and in time.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::request::Request;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::wire;

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
        match timeout(self.site.body_timeout, reading).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Error::new(Code::Malformed, "The body ended before its time or is badly framed.")),
            Err(_) => Err(Error::new(Code::Timeout, "The body took too long to arrive.")),
        }
    }
}
