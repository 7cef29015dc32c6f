//! User words: keeps the words by which users are found in step with their names.
//!
//! A node writes the words of a name in the transaction that writes the name. Three things leave words behind: a database from before there
//! were words, an older node that runs beside this one while nodes are replaced, and a new version of the fold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::Result;
use crate::domain::search::WORDS_VERSION;
use crate::limits;
use crate::store::Store;

/// The words of a user who has no words at all, or those of an earlier name, have this version or a lower one.
const MISSING: i64 = 0;

/// Writes the words of users who have none, before the node serves: they could not be found. Each batch is committed, so a process that is
/// killed meanwhile goes on where it was.
pub async fn write_missing(store: &dyn Store) -> Result<()> {
    let (started, mut users) = (Instant::now(), 0);
    loop {
        let batch = store.rewrite_user_words(MISSING + 1, limits::USER_WORDS_BATCH).await?;
        if batch == 0 {
            break;
        }
        if users == 0 {
            tracing::info!("writing the words by which users are found; many users take longer");
        }
        users += batch;
    }
    if users > 0 {
        tracing::info!(users, elapsed = ?started.elapsed(), "users can be found by every word of their names");
    }
    Ok(())
}

/// Rewrites words of another version, at the start and then once in an `interval`, until `stop`. Meanwhile their users are found by the
/// words that they have. Words of a newer version stay as they are, or two nodes would rewrite each other's.
pub async fn keep_current(store: Arc<dyn Store>, interval: Duration, stop: CancellationToken) {
    let work = async {
        loop {
            match store.rewrite_user_words(WORDS_VERSION, limits::USER_WORDS_BATCH).await {
                Ok(0) => sleep(interval).await,
                Ok(_) => sleep(limits::USER_WORDS_PAUSE).await,
                Err(error) => {
                    tracing::warn!(%error, "the node could not look for users whose search words are of another version; it tries again");
                    sleep(interval).await;
                }
            }
        }
    };
    stop.run_until_cancelled(work).await;
}
