//! Measures pages a second: bare queries for the newest 50 messages of a conversation.

use std::thread;
use std::time::{Duration, Instant};

use chinwag::domain::{ConversationId, MessageId};
use futures_util::future::try_join_all;
use rusqlite::{Connection, OpenFlags, params};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::Arguments;
use crate::committer::Committer;
use crate::database::{Database, StoreKind};
use crate::raw_sql::Postgres;
use crate::room;
use crate::rows::{print_rate, rate_async};

/// Seconds of each measurement.
const SECONDS: usize = 3;
/// Messages of the conversation.
const HISTORY: i64 = 1_000;
/// Messages of a page.
const PAGE: i64 = 50;
/// Concurrent readers: one, and one for each core of the machine on which the goals were set.
const READERS: [usize; 2] = [1, 2];

/// Chinwag's query for a page. Parameters: conversation, before, limit.
const SELECT: &str = "SELECT m.id, m.conversation_id, m.seq, m.sender_id, m.content, m.reply_to, m.timestamp, \
     m.edited_at, m.deleted_at, m.note_kind, m.note_user_id, m.note_value \
     FROM messages m WHERE m.conversation_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3";

/// Measures the database of the arguments, and prints the rates.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let duration = arguments.seconds(SECONDS)?;
    let database = Database::from_arguments(arguments)?;
    let conversation = insert_history(&database.url)?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    for readers in READERS {
        let rate = match database.kind {
            StoreKind::Sqlite => sqlite(database.path(), conversation, readers, duration)?,
            StoreKind::Postgres => runtime.block_on(postgres(&database.url, conversation, readers, duration))?,
        };
        print_rate(&format!("bare select of {PAGE} rows, {:?}, {readers} at a time, pages", database.kind), rate);
    }
    Ok(())
}

/// Inserts a conversation with its messages.
fn insert_history(url: &str) -> Result<Uuid, String> {
    let mut committer = Committer::open(url)?;
    let id = ConversationId::new();
    committer.open_conversation(id)?;
    for seq in 1..=HISTORY {
        committer.push(id, seq, &room::id_text(ConversationId(MessageId::new().0)), &[b'x'; 64])?;
    }
    committer.commit(std::iter::once((id, HISTORY)))?;
    Ok(id.0)
}

fn sqlite(path: &str, conversation: Uuid, readers: usize, duration: Duration) -> Result<f64, String> {
    let read = || {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let mut select = db.prepare(SELECT)?;
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < duration {
            let mut rows = select.query(params![conversation, i64::MAX, PAGE])?;
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                bytes += row.get_ref(4)?.as_str()?.len();
            }
            std::hint::black_box(bytes);
            count += 1;
        }
        Ok(f64::from(count) / started.elapsed().as_secs_f64())
    };
    let rates: rusqlite::Result<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..readers).map(|_| scope.spawn(read)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a reader that does not panic")).sum()
    });
    rates.map_err(|error| format!("SQLite: {error}"))
}

async fn postgres(url: &str, conversation: Uuid, readers: usize, duration: Duration) -> Result<f64, String> {
    let mut reading = Vec::new();
    for _ in 0..readers {
        let client = Postgres::connect(url).await?.client;
        let select = client.prepare(SELECT).await.map_err(|error| error.to_string())?;
        reading.push((client, select));
    }
    let rates = reading.iter().map(|(client, select)| {
        rate_async(duration, move || async move {
            let rows =
                client.query(select, &[&conversation, &i64::MAX, &PAGE]).await.map_err(|error| error.to_string())?;
            std::hint::black_box(rows.iter().map(|row| row.get::<_, &str>(4).len()).sum::<usize>());
            Ok(())
        })
    });
    Ok(try_join_all(rates).await?.iter().sum())
}
