//! The distribution of a database over several servers, for an operator. Only PostgreSQL with Citus has it.

use super::postgres::distribution;
use super::sqlite_path;
use crate::domain::{Code, Error, Result};

/// Migrates the database at `url`, and distributes its tables. Refuses while a server uses it. Returns the number of database servers
/// over which it distributes them.
pub async fn distribute(url: &str) -> Result<i64> {
    if sqlite_path(url).is_some() {
        return Err(Error::new(Code::Unavailable, "this command is for PostgreSQL with the extension citus"));
    }
    distribution::distribute(url).await
}

/// Returns the statements of [`distribute`], as a script.
pub fn distribution_script() -> String {
    distribution::statements().into_iter().map(|statement| statement + ";\n").collect()
}
