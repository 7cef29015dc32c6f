//! Translates PostgreSQL's failures: for the caller, and for the connection on which they came.

use std::error::Error as _;

use tokio_postgres::Error as Failure;
use tokio_postgres::error::SqlState;

use crate::domain::{Code, Error};

/// Translates a failure. `unavailable` means that it passes by itself. `invalid` means that the data caused it, so that the journal can
/// look for the command with the data. Anything else is a defect.
pub(super) fn to_domain_error(failure: Failure) -> Error {
    let Some(state) = failure.code() else {
        // A failure without SQLSTATE is a failed connection, or a value that does not fit the store's types, which is a defect.
        return if failure.is_closed() || is_transport(&failure) {
            Error::unavailable(described(&failure))
        } else {
            Error::internal(described(&failure))
        };
    };
    match state.code() {
        // PostgreSQL repeats this for each statement after the first failure in a transaction, and that one has been reported.
        "25P02" => Error::new(Code::Unavailable, "The store rolled the transaction back."),
        // The last is PostgreSQL's own failure, and Citus's word for a connection to a worker that broke.
        "25006" | "40001" | "40P01" | "55P03" | "57014" | "XX000" => Error::unavailable(described(&failure)),
        code => match &code[..2] {
            "08" | "53" | "57" | "58" => Error::unavailable(described(&failure)),
            "22" | "23" => {
                tracing::warn!(failure = described(&failure), "PostgreSQL refused data");
                Error::new(Code::Invalid, "The store refused the data.")
            }
            _ => Error::internal(described(&failure)),
        },
    }
}

/// Returns true if the connection can be used again after this failure. A server that turned read-only in a failover still
/// answers, but takes no writes: only a new connection finds the new primary.
pub(super) fn keeps_connection(failure: &Failure) -> bool {
    failure.code().is_some_and(|state| {
        *state != SqlState::READ_ONLY_SQL_TRANSACTION && !matches!(&state.code()[..2], "08" | "57" | "58")
            || *state == SqlState::QUERY_CANCELED
    })
}

/// Describes a failure and its causes, without the row that it was about, because the texts of messages must not be logged.
pub(super) fn described(failure: &Failure) -> String {
    if let Some(error) = failure.as_db_error() {
        let constraint = error.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
        return format!("PostgreSQL: {} {}{constraint}", error.code().code(), error.message());
    }
    let mut text = format!("PostgreSQL: {failure}");
    let mut source = failure.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn is_transport(failure: &Failure) -> bool {
    let mut source = failure.source();
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}
