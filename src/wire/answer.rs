//! The answer of an operation, the same for both transports.

use serde::Serialize;

use crate::domain::{Error, Result};

/// The answer of an operation. Every error is a [`crate::domain::Error`] instead.
#[derive(Debug)]
pub struct Answer {
    /// An HTTP status, 200 to 299.
    pub status: u16,
    /// The path of the created object.
    pub location: Option<String>,
    /// JSON.
    pub body: Option<Vec<u8>>,
}

impl Answer {
    /// Returns 200 with a body.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Ok(Self::encoded(serde_json::to_vec(body).map_err(Error::internal)?))
    }

    /// Returns 200 with a body that is encoded already.
    pub fn encoded(body: Vec<u8>) -> Self {
        Self { status: 200, location: None, body: Some(body) }
    }

    /// Returns an object with its path: 201 if it is new, and 200 if it existed before.
    pub fn created(is_new: bool, location: String, body: &impl Serialize) -> Result<Self> {
        let status = if is_new { 201 } else { 200 };
        Ok(Self { status, location: Some(location), ..Self::ok(body)? })
    }

    /// Returns 204.
    pub fn no_content() -> Self {
        Self { status: 204, location: None, body: None }
    }
}
