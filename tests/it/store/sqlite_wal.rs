//! SQLite's own promises: its write-ahead log is bounded, and a long reader blocks no writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chinwag::domain::{ConversationId, UserId};
use chinwag::limits;
use chinwag::store::Range;

use super::{Fixture, fresh};

/// Returns the length of the log in bytes.
fn length(store: &Fixture) -> u64 {
    Path::new(&format!("{}-wal", path(store))).metadata().unwrap().len()
}

fn path(store: &Fixture) -> &str {
    store.url.strip_prefix("sqlite:").unwrap()
}

/// Sends more text than the log may hold.
async fn overfill(store: &Fixture, id: ConversationId, sender_id: UserId) {
    let text = "x".repeat(limits::CONTENT_BYTES_MAX);
    let mut missing = limits::SQLITE_WAL_BYTES_MAX + 1024 * 1024;
    while missing > 0 {
        let batch: Vec<_> = (0..64).map(|_| store.send_of(id, sender_id, &text)).collect();
        store.commit(0, batch.into()).await.unwrap().into_iter().for_each(|outcome| drop(fresh(outcome)));
        missing = missing.saturating_sub(64 * u64::try_from(text.len()).unwrap());
    }
    // The writer checks the log between two jobs: it has done so after this one.
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reader_stops_nobody() {
    let store = &Fixture::sqlite().await;
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    let backup = rusqlite::Connection::open(path(store)).unwrap();
    let seen = || backup.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0)).unwrap();
    backup.execute_batch("BEGIN").unwrap();
    assert_eq!(seen(), 0);
    overfill(store, id, ada).await;
    assert_eq!(seen(), 0, "a reader sees what was there when it began");
    assert!(length(store) > limits::SQLITE_WAL_BYTES_MAX, "which is why the log cannot be emptied");

    backup.execute_batch("COMMIT").unwrap();
    overfill(store, id, ada).await;
    assert!(length(store) <= limits::SQLITE_WAL_BYTES_MAX, "{} bytes", length(store));
    assert_eq!(seen(), store.head(id).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_bounded_though_there_is_always_a_reader() {
    let store = &Fixture::sqlite().await;
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2 * limits::SQLITE_READERS)
        .map(|_| {
            let (store, done) = (store.store.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    store.messages(id, Range::Newest, limits::PAGE_MAX).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..4 {
        overfill(store, id, ada).await;
        assert!(length(store) <= 2 * limits::SQLITE_WAL_BYTES_MAX, "{} bytes", length(store));
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}
