//! Sends messages through the journal, on real databases.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chinwag::bus::local::Local;
use chinwag::bus::{Bus, Envelope, Inbox};
use chinwag::delivery::GapRepair;
use chinwag::domain::command::{NewMessage, Outcome, Write};
use chinwag::domain::conversation::{ConversationKind, NewConversation};
use chinwag::domain::event::Event;
use chinwag::domain::message::Content;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConversationId, MessageId, Timestamp, UserId};
use chinwag::journal::{CommitObserver, Journal};
use chinwag::store;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::postgres;

const CONVERSATIONS: usize = 100;
/// Messages of a round: twenty from each member of each conversation.
const ROUND_MESSAGES: usize = CONVERSATIONS * 2 * 20;

/// Measures the journal over a database, with a hundred conversations of two and no connections, from the first `submit` to the last
/// reply: admission, batches, commits and flushes, encoding, publishing.
///
/// - `many in flight`: a round of 4,000 messages, as many at a time as the journal admits.
/// - `one at a time`: each message waits for the commit of the previous one. The ratio of the two is the gain of batching.
pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(4));
    for store in ["sqlite", "postgres"] {
        if store == "postgres" && postgres::bin("postgres").is_none() {
            println!("journal/postgres: skipped, PostgreSQL's programs are not installed");
            continue;
        }
        // Made at first use, so that a bench that is filtered out starts no database.
        let cell = OnceCell::new();
        let fixture = || cell.get_or_init(|| Fixture::start(&runtime, store));
        group.throughput(Throughput::Elements(ROUND_MESSAGES as u64));
        group.bench_function(BenchmarkId::new(store, "many in flight"), |bencher| {
            let fixture = fixture();
            bencher.iter_custom(|rounds| (0..rounds).map(|_| runtime.block_on(fixture.send_round())).sum());
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new(store, "one at a time"), |bencher| {
            let fixture = fixture();
            bencher.iter_custom(|count| runtime.block_on(fixture.send_sequentially(count)));
        });
        drop(cell); // closes PostgreSQL's connections before the next store is measured
    }
    group.finish();
}

/// An inbox that ignores all publications.
struct NullInbox;

impl Inbox for NullInbox {
    fn deliver_local(&self, _: Envelope) {}
    fn deliver_remote(&self, _: Envelope) {}
    fn on_reconnect(&self) {}
}

struct NullObserver;

impl CommitObserver for NullObserver {
    fn committed(&self, _: &[&Event]) {}
}

struct Fixture {
    journal: Journal,
    pairs: Vec<(ConversationId, [UserId; 2])>,
    _folder: TempDir,
}

impl Fixture {
    fn start(runtime: &Runtime, store: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        runtime.block_on(async {
            let url = match store {
                "postgres" => postgres::database().await,
                _ => format!("sqlite:{}", folder.path().join("chinwag.db").display()),
            };
            let store = store::open(&url).await.unwrap();
            let now = Timestamp::now();
            let mut pairs = Vec::new();
            for pair in 0..CONVERSATIONS {
                let ids = [UserId::new(), UserId::new()];
                for (number, id) in ids.into_iter().enumerate() {
                    let username = Username::parse(&format!("user-{pair}-{number}")).unwrap();
                    let name = Name::parse(username.as_str()).unwrap();
                    let user = User { id, username, name, created_at: now, last_seen_at: None };
                    store.insert_user(&user, "no password").await.unwrap();
                }
                let id = ConversationId::new();
                let [creator_id, other_id] = ids;
                let kind = ConversationKind::Direct;
                let new = NewConversation {
                    id,
                    kind,
                    name: None,
                    creator_id,
                    created_at: now,
                    other_ids: vec![other_id],
                    has_quotas: false,
                };
                store.create_conversation(&new).await.unwrap();
                pairs.push((id, ids));
            }
            let bus: Arc<dyn Bus> = Arc::new(Local::new(Arc::new(NullInbox)));
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            let gap_repair = Arc::new(GapRepair::new(&store, &Arc::default(), Arc::new(NullInbox), Arc::default()));
            let journal = Journal::start(&store, &bus, &gap_repair, &(Arc::new(NullObserver) as _), &tasks, &stop);
            Self { journal, pairs, _folder: folder }
        })
    }

    fn send(&self, number: usize) -> Write {
        let (conversation_id, members) = self.pairs[number % CONVERSATIONS];
        Write::Send(NewMessage {
            conversation_id,
            id: MessageId::new(),
            sender_id: members[number / CONVERSATIONS % 2],
            content: Content::parse("Shall we have lunch at noon? The usual place, I think.".to_owned()).unwrap(),
            reply_to: None,
            timestamp: Timestamp::now(),
        })
    }

    async fn send_round(&self) -> Duration {
        let (remaining, done) = (Arc::new(AtomicUsize::new(ROUND_MESSAGES)), Arc::new(Notify::new()));
        let commands: Vec<Write> = (0..ROUND_MESSAGES).map(|number| self.send(number)).collect();
        let started = Instant::now();
        for command in commands {
            let (remaining, done) = (Arc::clone(&remaining), Arc::clone(&done));
            let reply = move |outcome: chinwag::domain::Result<Outcome>| {
                assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
                if remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
                    done.notify_one();
                }
            };
            self.journal.submit(command, Box::new(reply)).await;
        }
        done.notified().await;
        started.elapsed()
    }

    async fn send_sequentially(&self, count: u64) -> Duration {
        let commands: Vec<Write> = (0..usize::try_from(count).unwrap()).map(|number| self.send(number)).collect();
        let started = Instant::now();
        for command in commands {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            self.journal.submit(command, Box::new(move |outcome| drop(sender.send(outcome)))).await;
            let outcome = receiver.await.unwrap();
            assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
        }
        started.elapsed()
    }
}
