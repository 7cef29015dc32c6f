//! Rows a second: the databases with nothing around them, on Chinwag's own tables; beside them Chinwag's own commit.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chinwag::domain::command::Send;
use chinwag::domain::conversation::{self, NewConversation, Title};
use chinwag::domain::message::Content;
use chinwag::domain::user::Username;
use chinwag::domain::{ConversationId, MessageId, Timestamp, UserId};
use chinwag::store::{self, Store};
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::Arguments;
use crate::committer::Rows;
use crate::database::{Database, Kind};
use crate::frames;
use crate::raw_sql::{Postgres, Sqlite};

/// Rows of a large transaction: a large batch of the journal's.
const BATCH: usize = 512;
/// Rows of a middling one: what gathers while one client's commit is under way.
const SOME: usize = 32;
/// Conversations of each lane over which Chinwag's own commits are spread.
const CONVERSATIONS: usize = 50;
/// How long each figure is measured.
const SECONDS: usize = 3;
/// A message's text, as long as the bench's.
const TEXT: &str = "Shall we have lunch at noon? The usual place, I think, at twelve";

/// Measures on the database that is wanted.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let length = arguments.seconds(SECONDS)?;
    let database = Database::wanted(arguments)?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    // Opened and left again, for its tables.
    drop(runtime.block_on(store::open(&database.url)).map_err(|error| error.to_string())?);
    if database.kind == Kind::Sqlite {
        sqlite(database.file(), length)?;
    } else {
        for connections in [1, 2] {
            let rate = runtime.block_on(postgres(&database.url, connections, length))?;
            print(&format!("bare `unnest` of {BATCH} rows, {connections} connection(s), rows"), rate);
        }
    }
    runtime.block_on(chinwag_commits(&database.url, length))
}

pub(crate) fn print(what: &str, rate: f64) {
    println!("{what:<70}{rate:>12.0}/s");
}

/// How often a second `step` can be done.
fn rate(length: Duration, mut step: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < length {
        step()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// The same of something that waits.
pub(crate) async fn rate_of<F: Future<Output = Result<(), String>>>(
    length: Duration,
    mut step: impl FnMut() -> F,
) -> Result<f64, String> {
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < length {
        step().await?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// The next rows of a conversation.
fn fill(rows: &mut Rows, conversation: Uuid, count: usize, seq: &mut i64) {
    rows.clear();
    for _ in 0..count {
        *seq += 1;
        rows.put(conversation, *seq, Uuid::now_v7(), TEXT);
    }
}

/// Bare transactions, of one conversation each: with its counter, as no message is kept without.
fn sqlite(file: &str, length: Duration) -> Result<(), String> {
    let mut sqlite = Sqlite::open(file)?;
    for count in [1, SOME, BATCH] {
        let (conversation, sender, mut seq, mut rows) = (Uuid::now_v7(), Uuid::now_v7(), 0, Rows::default());
        let commits = rate(length, || {
            fill(&mut rows, conversation, count, &mut seq);
            sqlite.commit(sender, &rows, std::iter::once((conversation, seq)))
        })?;
        #[allow(clippy::cast_precision_loss)] // a small number
        print(&format!("bare transactions of {count} row(s), rows"), commits * count as f64);
    }
    Ok(())
}

/// Bare statements of [`BATCH`] rows on so many connections; rows a second.
async fn postgres(url: &str, connections: usize, length: Duration) -> Result<f64, String> {
    let insert = || async {
        let postgres = Postgres::connect(url).await?;
        let (conversation, sender, mut seq, mut rows) = (Uuid::now_v7(), Uuid::now_v7(), 0, Rows::default());
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < length {
            fill(&mut rows, conversation, BATCH, &mut seq);
            postgres.insert(sender, &rows).await?;
            count += 1;
        }
        #[allow(clippy::cast_precision_loss)] // a small number
        Ok::<f64, String>(f64::from(count) * BATCH as f64 / started.elapsed().as_secs_f64())
    };
    Ok(try_join_all((0..connections).map(|_| insert())).await?.iter().sum())
}

/// What Chinwag itself commits, without journal, encoding and delivery: with counters, members and ids that are looked up.
async fn chinwag_commits(url: &str, length: Duration) -> Result<(), String> {
    let store = store::open(url).await.map_err(|error| error.to_string())?;
    for lanes in 1..=store.lanes() {
        let mut all = Vec::new();
        for lane in 0..lanes {
            all.push((lane, pairs(&store).await?));
        }
        let rates = all.iter().map(|(lane, pairs)| {
            let (store, lane) = (&store, *lane);
            rate_of(length, move || async move {
                let batch: Vec<Send> = (0..BATCH).map(|number| send(&pairs[number % pairs.len()])).collect();
                let outcomes = store.commit(lane, &batch).await.map_err(|error| error.to_string())?;
                outcomes.into_iter().try_for_each(|outcome| outcome.map(drop)).map_err(|error| error.to_string())
            })
        });
        let rates: f64 = try_join_all(rates).await?.iter().sum();
        #[allow(clippy::cast_precision_loss)] // a small number
        print(&format!("Chinwag's own commits of {BATCH} messages, {lanes} lane(s), rows"), rates * BATCH as f64);
    }
    Ok(())
}

/// A conversation and one who is in it.
type Pair = (ConversationId, UserId);

async fn pairs(store: &Arc<dyn Store>) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::with_capacity(CONVERSATIONS);
    for _ in 0..CONVERSATIONS {
        pairs.push(pair(store).await.map_err(|error| error.to_string())?);
    }
    Ok(pairs)
}

async fn pair(store: &Arc<dyn Store>) -> chinwag::domain::Result<Pair> {
    let mut user = frames::user();
    // Of an id the last digits are random, the first ones the time.
    user.username = Username::stored(user.id.to_string()[4..].to_owned());
    store.insert_user(&user, "no password").await?;
    let new = NewConversation {
        id: ConversationId::new(),
        kind: conversation::Kind::Group,
        name: Some(Title::stored("Probe".to_owned())),
        creator_id: user.id,
        created_at: Timestamp::now(),
        other_ids: Vec::new(),
    };
    Ok((store.create_conversation(&new).await?.0, user.id))
}

fn send((conversation_id, sender_id): &Pair) -> Send {
    Send {
        conversation_id: *conversation_id,
        id: MessageId::new(),
        sender_id: *sender_id,
        content: Content::parse(TEXT.to_owned()).expect("a short text"),
        reply_to: None,
        timestamp: Timestamp::now(),
    }
}
