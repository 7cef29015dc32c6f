//! The answer of an operation, the same for both transports.

use serde::Serialize;

use crate::domain::{Error, Result};

/// A status, the place of what was made, and a body in JSON.
#[derive(Debug)]
pub struct Answer {
    /// An HTTP status, 200 to 299.
    pub status: u16,
    /// The path of what was made.
    pub location: Option<String>,
    /// The body in JSON, if there is one.
    pub body: Option<Vec<u8>>,
}

impl Answer {
    /// 200 with a body.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Ok(Self::encoded(serde_json::to_vec(body).map_err(Error::internal)?))
    }

    /// 200 with a body that is JSON already.
    pub fn encoded(body: Vec<u8>) -> Self {
        Self { status: 200, location: None, body: Some(body) }
    }

    /// 201 with a body and its place, or 200 if it was there already.
    pub fn created(is_new: bool, location: String, body: &impl Serialize) -> Result<Self> {
        let status = if is_new { 201 } else { 200 };
        Ok(Self { status, location: Some(location), ..Self::ok(body)? })
    }

    /// 204.
    pub fn no_content() -> Self {
        Self { status: 204, location: None, body: None }
    }
}
