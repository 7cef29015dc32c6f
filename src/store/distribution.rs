//! The distribution of a database over several servers, for an operator. Only PostgreSQL with Citus has it.

use super::postgres::distribution;
use super::sqlite_path;
use crate::domain::{Code, Error, Result};

/// Migrates the database at `url`, and distributes its tables. No server must use it meanwhile.
pub async fn distribute(url: &str) -> Result<()> {
    if sqlite_path(url).is_some() {
        return Err(Error::new(Code::Unavailable, "this command is for PostgreSQL with the extension citus"));
    }
    distribution::distribute(url).await
}

/// Returns the statements of [`distribute`], as a script.
pub fn distribution_script() -> String {
    distribution::statements().into_iter().map(|statement| statement + ";\n").collect()
}
