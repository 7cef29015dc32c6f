//! Measures the search for messages on a store with nothing around it: the CPU time and the bytes of the index for each message, and how long a
//! page takes.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chinwag::bench::CpuTime;
use chinwag::domain::command::NewMessage;
use chinwag::domain::conversation::{ConversationKind, NewConversation};
use chinwag::domain::message::Content;
use chinwag::domain::message_search::{
    IndexPosition, IndexStep, IndexedEvent, MessagePosition, MessageQuery, Search, WORDS_VERSION, excerpt, index_step,
};
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConversationId, Error, MessageId, Result, Timestamp, UserId};
use chinwag::limits;
use chinwag::store::{self, Store};
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::database::{Database, StoreKind};
use crate::raw_sql::Postgres;

/// Messages, if the arguments give no number.
const MESSAGES: usize = 1_000_000;
/// Conversations, each with as many messages. One reader is in half of them, and one in [`FEW`] of that half.
const CONVERSATIONS: usize = 10_000;
const FEW: usize = 50;
/// Words of a text, and words of which most of them are taken.
const WORDS: usize = 10;
const VOCABULARY: u64 = 30_000;
/// One message in so many has the common word, and one the rare one.
const COMMON: usize = 10;
const RARE: usize = 20_000;
/// Pages of each search, and messages of a page.
const RUNS: u32 = 41;
const PAGE: usize = 50;
/// Tries of a write beside the last one.
const TRIES: usize = 10;

/// A sequence of numbers that look like chance, the same in each run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a word of consonants and vowels. Low numbers are more frequent, as common words are in a language.
    fn word(&mut self) -> String {
        let (one, other) = (self.next() % VOCABULARY, self.next() % VOCABULARY);
        let mut rest = one * other / VOCABULARY;
        let mut word = String::new();
        for _ in 0..3 {
            word.push(char::from(b"bcdfghklmnprstvz"[usize::try_from(rest % 16).unwrap_or(0)]));
            word.push(char::from(b"aeiou"[usize::try_from(rest / 16 % 5).unwrap_or(0)]));
            rest = rest / 80 + rest % 7;
        }
        word
    }

    fn text(&mut self, number: usize) -> String {
        let mut text: Vec<String> = (0..WORDS).map(|_| self.word()).collect();
        if number % COMMON == 3 {
            text.push("common".to_owned());
        }
        if number % RARE == 7 {
            text.push("rarest".to_owned());
        }
        text.join(" ")
    }
}

/// Fills the database of the arguments unless it has messages, and prints the figures.
pub(crate) fn measure(arguments: &Arguments) -> std::result::Result<(), String> {
    let messages = arguments.number("--messages", MESSAGES)?;
    let database = Database::from_arguments(arguments)?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let store = store::open(&database.url).await.map_err(|error| error.to_string())?;
        let [few, many] = fill(&*store, messages).await.map_err(|error| error.to_string())?;
        let before = bytes(&database).await?;
        let (cpu, database_cpu) = (CpuTime::of_this_process()?, database_cpu(&database));
        let started = Instant::now();
        let indexed = index(&*store).await.map_err(|error| error.to_string())?;
        if indexed > 0 {
            let count = u32::try_from(indexed).map_err(|error| error.to_string())?;
            let per_message = |time: Duration| (time / count).as_secs_f64() * 1e6;
            println!(
                "indexed {indexed} messages in {:?}: {:.1} µs of this process's CPU time for each, {:.1} µs of PostgreSQL's; {} bytes each",
                started.elapsed(),
                per_message((CpuTime::of_this_process()? - cpu).total()),
                per_message(self::database_cpu(&database).saturating_sub(database_cpu)),
                bytes(&database).await?.saturating_sub(before) / u64::from(count)
            );
        }
        for (reader, name) in [(few, "50 conversations"), (many, "5,000 conversations")] {
            for q in ["common ", "rarest ", "absent ", "co", "common bacede", "\"common ba"] {
                println!("{name}, {q:?}: {}", search(&*store, reader, q, &database).await.map_err(|error| error.to_string())?);
            }
        }
        Ok(())
    })
}

/// Returns the two readers.
async fn fill(store: &dyn Store, messages: usize) -> Result<[UserId; 2]> {
    let mut users = Vec::new();
    for name in ["few", "many", "sender"] {
        let username = Username::parse(name)?;
        if let Some(account) = store.account_of(&username.key()).await? {
            users.push(account.user.id);
            continue;
        }
        let (id, name) = (UserId::new(), Name::parse(name)?);
        let user = User { id, username, name, created_at: Timestamp::now(), last_seen_at: None };
        store.insert_user(&user, "!").await?;
        users.push(id);
    }
    let [few, many, sender] = users[..] else { return Err(Error::internal("three users")) };
    let created_at = Timestamp::now();
    if !store.conversation_ids(few, ConversationId::FIRST, 1).await?.is_empty() {
        return Ok([few, many]);
    }
    let mut conversations = Vec::with_capacity(CONVERSATIONS);
    for number in 0..CONVERSATIONS {
        let mut other_ids = Vec::new();
        other_ids.extend((number % 2 == 0).then_some(many));
        other_ids.extend((number % (CONVERSATIONS / FEW) == 0).then_some(few));
        let (id, kind, name, has_quotas) = (ConversationId::new(), ConversationKind::Group, None, false);
        store
            .create_conversation(&NewConversation {
                id,
                kind,
                name,
                creator_id: sender,
                created_at,
                other_ids,
                has_quotas,
            })
            .await?;
        conversations.push(id);
    }
    // A message a second, up to now, each in any conversation.
    let (mut numbers, first) = (Numbers(1), created_at.minus(Duration::from_secs(messages as u64)));
    let mut batches: Vec<Vec<NewMessage>> = vec![Vec::new(); store.lanes()];
    for number in 0..messages {
        let conversation_id = conversations[usize::try_from(numbers.next()).unwrap_or(number) % CONVERSATIONS];
        let lane = usize::try_from(conversation_id.0.as_u128() % batches.len() as u128).unwrap_or(0);
        batches[lane].push(NewMessage {
            conversation_id,
            id: MessageId::new(),
            sender_id: sender,
            content: Content::parse(numbers.text(number))?,
            reply_to: None,
            timestamp: first.plus(Duration::from_secs(number as u64)),
        });
        if batches[lane].len() == limits::BATCH_ROWS_MAX || number + 1 == messages {
            let batch: Arc<[NewMessage]> = std::mem::take(&mut batches[lane]).into();
            commit(store, lane, batch).await?;
        }
    }
    for (lane, batch) in batches.into_iter().enumerate() {
        commit(store, lane, batch.into()).await?;
    }
    Ok([few, many])
}

/// Commits a batch, with the tries of [`write`].
async fn commit(store: &dyn Store, lane: usize, batch: Arc<[NewMessage]>) -> Result<()> {
    for _ in 0..TRIES {
        if store.commit(lane, Arc::clone(&batch)).await.is_ok() {
            return Ok(());
        }
    }
    store.commit(lane, batch).await.map(drop)
}

/// Indexes what is not indexed, in the batches of the worker but without its pauses. Returns the number of messages.
async fn index(store: &dyn Store) -> Result<usize> {
    let (mut first, mut indexed) = (Some(ConversationId::FIRST), 0);
    let (mut steps, mut messages) = (Vec::new(), 0);
    while let Some(from) = first {
        let page = store.index_positions(WORDS_VERSION, from, limits::INDEX_SCAN_PAGE).await?;
        let last = page.last().filter(|_| page.len() == limits::INDEX_SCAN_PAGE);
        first = last.and_then(|last| last.conversation_id.next());
        let behind = |position: &IndexPosition| position.behind().map(|after| (position.conversation_id, after));
        for (id, mut after) in page.iter().filter_map(behind) {
            loop {
                let events = store.events_to_index(id, after, limits::CATCH_UP_PAGE).await?;
                let Some(step) = index_step(id, after, events.iter().map(IndexedEvent::of)) else { break };
                after = step.up_to;
                messages += step.entries.len();
                let is_end = step.entries.len() < limits::CATCH_UP_PAGE;
                steps.push(step);
                if messages >= limits::INDEX_BATCH_MESSAGES || !is_end {
                    write(store, std::mem::take(&mut steps)).await?;
                    indexed += std::mem::take(&mut messages);
                }
                if is_end {
                    break;
                }
            }
        }
    }
    write(store, steps).await?;
    Ok(indexed + messages)
}

/// Writes a batch. A disk that is busy with other work may let the store give up, and the same batch again does no harm.
async fn write(store: &dyn Store, steps: Vec<IndexStep>) -> Result<()> {
    for _ in 0..TRIES {
        if store.index_messages(WORDS_VERSION, steps.clone()).await.is_ok() {
            return Ok(());
        }
    }
    store.index_messages(WORDS_VERSION, steps).await.map(drop)
}

/// Searches for the first page again and again. Returns a sentence with the times.
async fn search(store: &dyn Store, reader_id: UserId, q: &str, database: &Database) -> Result<String> {
    let mut query = MessageQuery::parse(q)?;
    if q.ends_with(' ') {
        query.terms.iter_mut().for_each(|term| term.is_prefix = false);
    }
    let (mut times, mut found, mut has_more) = (Vec::new(), 0, false);
    let cpu = || -> Result<Duration> {
        Ok(CpuTime::of_this_process().map_err(Error::internal)?.total() + database_cpu(database))
    };
    let before = cpu()?;
    for _ in 0..RUNS {
        let started = Instant::now();
        let search = Search {
            reader_id,
            terms: query.terms.clone(),
            sender_id: None,
            conversation_ids: None,
            since: Timestamp(0),
            before: MessagePosition::LAST,
            limit: PAGE,
        };
        let page = store.search_messages(WORDS_VERSION, &search).await?;
        let excerpts = page
            .messages
            .iter()
            .filter_map(|message| Some(excerpt(&message.content, &query.ranges(&message.content)?).text.len()));
        found = excerpts.count();
        has_more = page.next.is_some();
        times.push(started.elapsed());
    }
    let cpu = cpu()?.saturating_sub(before) / RUNS;
    times.sort_unstable();
    let (least, median, longest) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let more = if has_more { " and more" } else { "" };
    Ok(format!(
        "{:.1}, {:.1}, {:.1} ms (least, median, longest), {:.1} ms of CPU time, {found} found{more}",
        millis(least),
        millis(median),
        millis(longest),
        millis(cpu)
    ))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the bytes of the whole database.
async fn bytes(database: &Database) -> std::result::Result<u64, String> {
    let size = match database.kind {
        StoreKind::Sqlite => {
            let db = Connection::open(database.path()).map_err(|error| error.to_string())?;
            let read = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let pages = read("page_count").and_then(|pages| Ok(pages - read("freelist_count")?));
            pages.map_err(|error| error.to_string())? * 4_096
        }
        StoreKind::Postgres => {
            let client = Postgres::connect(&database.url).await?.client;
            let row = client.query_one("SELECT pg_database_size(current_database())", &[]).await;
            row.map_err(|error| error.to_string())?.get(0)
        }
    };
    u64::try_from(size).map_err(|error| error.to_string())
}

/// Returns the CPU time of the processes of PostgreSQL that serve the database now.
fn database_cpu(database: &Database) -> Duration {
    let name = database.url.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default();
    if database.kind == StoreKind::Sqlite || name.is_empty() {
        return Duration::ZERO;
    }
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let serves = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with("postgres: ") && line.contains(name)
    };
    pids.filter(serves).filter_map(|pid| CpuTime::of(pid).ok()).map(CpuTime::total).sum()
}
