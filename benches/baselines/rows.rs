//! Measures rows a second in Chinwag's own tables: of bare statements, and of Chinwag's own commit.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chinwag::domain::command::NewMessage;
use chinwag::domain::conversation::{self, GroupName, NewConversation};
use chinwag::domain::message::Content;
use chinwag::domain::user::Username;
use chinwag::domain::{ConversationId, MessageId, Timestamp, UserId};
use chinwag::store::{self, Store};
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::Arguments;
use crate::committer::RowBuffer;
use crate::database::{Database, StoreKind};
use crate::frames;
use crate::raw_sql::{Postgres, Sqlite};

/// Rows of a large transaction: as many as a large batch of the journal has.
const LARGE_BATCH: usize = 512;
/// Rows of a small transaction: as many commands as gather while one commit is running.
const SMALL_BATCH: usize = 32;
/// Conversations in each lane of Chinwag's own commits.
const CONVERSATIONS: usize = 50;
/// Seconds of each measurement.
const SECONDS: usize = 3;
/// A text of 64 bytes, as in `chinwag bench`.
const CONTENT: &str = "Shall we have lunch at noon? The usual place, I think, at twelve";

/// Measures the database of the arguments, and prints the rates.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let duration = arguments.seconds(SECONDS)?;
    let database = Database::from_arguments(arguments)?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    // Opening the store creates the tables.
    drop(runtime.block_on(store::open(&database.url)).map_err(|error| error.to_string())?);
    if database.kind == StoreKind::Sqlite {
        sqlite(database.path(), duration)?;
    } else {
        for connections in [1, 2] {
            let rate = runtime.block_on(postgres(&database.url, connections, duration))?;
            print_rate(&format!("bare `unnest` of {LARGE_BATCH} rows, {connections} connection(s), rows"), rate);
        }
    }
    runtime.block_on(chinwag_commits(&database.url, duration))
}

pub(crate) fn print_rate(label: &str, rate: f64) {
    println!("{label:<70}{rate:>12.0}/s");
}

/// Repeats `step`. Returns how often a second it ran.
fn rate(duration: Duration, mut step: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < duration {
        step()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// Repeats an asynchronous `step`. Returns how often a second it ran.
pub(crate) async fn rate_async<F: Future<Output = Result<(), String>>>(
    duration: Duration,
    mut step: impl FnMut() -> F,
) -> Result<f64, String> {
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < duration {
        step().await?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// Fills the buffer with the next rows of a conversation.
fn fill(rows: &mut RowBuffer, conversation: Uuid, count: usize, seq: &mut i64) {
    rows.clear();
    for _ in 0..count {
        *seq += 1;
        rows.push(conversation, *seq, Uuid::now_v7(), CONTENT);
    }
}

/// Measures bare transactions. Each inserts rows of one conversation and advances its counter.
fn sqlite(path: &str, duration: Duration) -> Result<(), String> {
    let mut sqlite = Sqlite::open(path)?;
    for count in [1, SMALL_BATCH, LARGE_BATCH] {
        let (conversation, sender, mut seq, mut rows) = (Uuid::now_v7(), Uuid::now_v7(), 0, RowBuffer::default());
        let commits = rate(duration, || {
            fill(&mut rows, conversation, count, &mut seq);
            sqlite.commit(sender, &rows, std::iter::once((conversation, seq)))
        })?;
        #[allow(clippy::cast_precision_loss)] // a small number
        print_rate(&format!("bare transactions of {count} row(s), rows"), commits * count as f64);
    }
    Ok(())
}

/// Measures bare statements of [`LARGE_BATCH`] rows on some connections. Returns rows a second.
async fn postgres(url: &str, connections: usize, duration: Duration) -> Result<f64, String> {
    let insert = || async {
        let postgres = Postgres::connect(url).await?;
        let (conversation, sender, mut seq, mut rows) = (Uuid::now_v7(), Uuid::now_v7(), 0, RowBuffer::default());
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < duration {
            fill(&mut rows, conversation, LARGE_BATCH, &mut seq);
            postgres.insert(sender, &rows).await?;
            count += 1;
        }
        #[allow(clippy::cast_precision_loss)] // a small number
        Ok::<f64, String>(f64::from(count) * LARGE_BATCH as f64 / started.elapsed().as_secs_f64())
    };
    Ok(try_join_all((0..connections).map(|_| insert())).await?.iter().sum())
}

/// Measures Chinwag's own commits, without journal, encoding and delivery. They look up counters, members and ids.
async fn chinwag_commits(url: &str, duration: Duration) -> Result<(), String> {
    let store = store::open(url).await.map_err(|error| error.to_string())?;
    for lanes in 1..=store.lanes() {
        let mut all = Vec::new();
        for lane in 0..lanes {
            all.push((lane, senders(&store).await?));
        }
        let rates = all.iter().map(|(lane, senders)| {
            let (store, lane) = (&store, *lane);
            rate_async(duration, move || async move {
                let batch: Vec<NewMessage> =
                    (0..LARGE_BATCH).map(|number| send(&senders[number % senders.len()])).collect();
                let outcomes = store.commit(lane, batch.into()).await.map_err(|error| error.to_string())?;
                outcomes.into_iter().try_for_each(|outcome| outcome.map(drop)).map_err(|error| error.to_string())
            })
        });
        let rates: f64 = try_join_all(rates).await?.iter().sum();
        #[allow(clippy::cast_precision_loss)] // a small number
        print_rate(
            &format!("Chinwag's own commits of {LARGE_BATCH} messages, {lanes} lane(s), rows"),
            rates * LARGE_BATCH as f64,
        );
    }
    Ok(())
}

/// A conversation, and its member who sends.
type Sender = (ConversationId, UserId);

async fn senders(store: &Arc<dyn Store>) -> Result<Vec<Sender>, String> {
    let mut senders = Vec::with_capacity(CONVERSATIONS);
    for _ in 0..CONVERSATIONS {
        senders.push(sender(store).await.map_err(|error| error.to_string())?);
    }
    Ok(senders)
}

async fn sender(store: &Arc<dyn Store>) -> chinwag::domain::Result<Sender> {
    let mut user = frames::user();
    // The last digits of an id are random. Without its first four, which are the time, it is short enough for a username.
    user.username = Username::from_trusted(user.id.to_string()[4..].to_owned());
    store.insert_user(&user, "no password").await?;
    let new = NewConversation {
        id: ConversationId::new(),
        kind: conversation::ConversationKind::Group,
        name: Some(GroupName::from_trusted("Probe".to_owned())),
        creator_id: user.id,
        created_at: Timestamp::now(),
        other_ids: Vec::new(),
        has_quotas: false,
    };
    Ok((store.create_conversation(&new).await?.id, user.id))
}

fn send((conversation_id, sender_id): &Sender) -> NewMessage {
    NewMessage {
        conversation_id: *conversation_id,
        id: MessageId::new(),
        sender_id: *sender_id,
        content: Content::parse(CONTENT.to_owned()).expect("a short text"),
        reply_to: None,
        timestamp: Timestamp::now(),
    }
}
