//! Runs a command of an operator on the database, beside running servers or without one. A command never creates or migrates the database.

use std::sync::Arc;

use crate::domain::Result;
use crate::server::database::Database;
use crate::server::telemetry;
use crate::store::{self, Store};

/// Opens the database and runs a command's work on it.
pub(super) fn run<Fut>(database: &Database, work: impl FnOnce(Arc<dyn Store>) -> Fut) -> Result<(), String>
where
    Fut: Future<Output = Result<()>>,
{
    let url = database.store_url()?;
    telemetry::start_audit()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let done = runtime.block_on(async { work(store::open_existing(&url).await?).await });
    done.map_err(|error| error.detail.into_owned())
}
