//! The rows that a search for users reads, counted by PostgreSQL, and the time that it takes among many users.
//!
//! (SQLite counts its steps in a test of `src/store/sqlite/users.rs`.)

use std::time::{Duration, Instant};

use chinwag::domain::search::Query;
use chinwag::limits::{SEARCH_CANDIDATES_MAX, SEARCH_USERS_AT_ONCE, SEARCH_USERS_MAX, USER_WORDS_BATCH};
use chinwag::store::{Store, search_users};
use rusqlite::config::DbConfig;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Statement};

use super::Fixture;
use crate::support::postgres::connect;
use crate::support::socket::TEST_TIMEOUT;

/// Rows of a table that statements have read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RowsRead {
    /// By scans of the whole table.
    scanned: i64,
    /// By indexes.
    by_index: i64,
    /// Look-ups in indexes.
    lookups: i64,
    inserted: i64,
}

async fn rows_read(observer: &Client, table: &str) -> RowsRead {
    let sql = "SELECT t.seq_tup_read, sum(i.idx_tup_read)::bigint, sum(i.idx_scan)::bigint, t.n_tup_ins \
         FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid) WHERE t.relname = $1 GROUP BY 1, 4";
    let row = observer.query_one(sql, &[&table]).await.unwrap();
    RowsRead { scanned: row.get(0), by_index: row.get(1), lookups: row.get(2), inserted: row.get(3) }
}

/// Waits until a connection that was closed has reported its counts, which are `is_complete`.
async fn settled(observer: &Client, is_complete: impl Fn([RowsRead; 2]) -> bool) -> [RowsRead; 2] {
    let both = async || [rows_read(observer, "user_words").await, rows_read(observer, "users").await];
    let settled = async {
        let mut last = both().await;
        loop {
            sleep(Duration::from_millis(50)).await;
            let now = both().await;
            if now == last && is_complete(now) {
                return now;
            }
            last = now;
        }
    };
    timeout(TEST_TIMEOUT, settled).await.expect("PostgreSQL reports its counts")
}

/// Inserts `users` users with the words `many`, and their number. SQL is faster than as many calls.
async fn insert_users(url: &str, users: usize) {
    let insert = format!(
        "INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at, words_name, words_version)
         SELECT gen_random_uuid(), 'u' || lpad(n::text, 6, '0'), 'u' || lpad(n::text, 6, '0'), 'Many n' || n, 'many n' || n,
             'hash', now(), 'Many n' || n, 9223372036854775807 FROM generate_series(0, {users} - 1) n;
         INSERT INTO user_words SELECT unnest(string_to_array(username_key || ' ' || name_key, ' ')), id FROM users;
         ANALYZE users; ANALYZE user_words;"
    );
    connect(url).await.batch_execute(&insert).await.unwrap();
}

async fn search(store: &dyn Store, q: &str) -> usize {
    let query = Query::parse(q).unwrap();
    search_users(store, query.as_ref(), None, 50).await.unwrap().users.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_reads_few_rows_of_postgresql() {
    const USERS: usize = 20_000;
    /// Rows of a page of 50, and the row behind it.
    const PAGE_ROWS_MAX: usize = 51;
    /// An index reads a row or two before it knows that they are too many.
    const ROWS_TO_SPARE: usize = 2;
    /// More than the times after which PostgreSQL may keep one plan for all values.
    const TIMES: usize = 12;
    let count = |rows: usize| i64::try_from(rows * TIMES).unwrap();
    let store = Fixture::postgres().await;
    insert_users(&store.url, USERS).await;
    let observer = connect(&store.url).await;
    let inserted = |[words, users]: [RowsRead; 2]| {
        (words.inserted, users.inserted) == (3 * i64::try_from(USERS).unwrap(), i64::try_from(USERS).unwrap())
    };
    let mut before = settled(&observer, inserted).await;
    // The query, the matches on its page, and the most rows read of the words and of the users.
    for (q, matches, words_max, users_max) in [
        ("nobody", 0, 0, 0),
        ("@nobody", 0, 0, PAGE_ROWS_MAX),
        ("n1999", 11, 11, 11),
        ("many nobody", 0, 0, 0),
        ("@u00012", 10, 0, PAGE_ROWS_MAX),
        ("u0001", 50, 100, 100),
        ("many", 50, SEARCH_CANDIDATES_MAX + 1, PAGE_ROWS_MAX),
        ("many n", 50, 2 * (SEARCH_CANDIDATES_MAX + 1), PAGE_ROWS_MAX),
        ("many n1", 50, 2 * (SEARCH_CANDIDATES_MAX + 1), PAGE_ROWS_MAX + SEARCH_USERS_AT_ONCE),
        ("n1 n2", 0, 2 * (SEARCH_CANDIDATES_MAX + 1), SEARCH_USERS_MAX + SEARCH_USERS_AT_ONCE),
    ] {
        let other = store.another().await;
        for _ in 0..TIMES {
            assert_eq!(search(&*other, q).await, matches, "{q}");
        }
        drop(other);
        let lookups = before[0].lookups + before[1].lookups + count(1);
        let now = settled(&observer, |[words, users]| words.lookups + users.lookups >= lookups).await;
        for (now, before, most) in [(now[0], before[0], words_max), (now[1], before[1], users_max)] {
            assert_eq!(now.scanned, before.scanned, "{q}");
            let read = now.by_index - before.by_index;
            assert!(read <= count(most + ROWS_TO_SPARE), "{q}: {read} rows, and not {most} each time");
        }
        before = now;
    }
}

/// Users of the measurement.
const CROWD: usize = 300_000;
/// The time of a query is the median of so many.
const RUNS: usize = 15;
const SEARCHES: [&str; 11] = [
    "user",
    "g",
    "grace",
    "a b",
    "ada quiqui",
    "grace bacodi",
    "bacodi",
    "user0123",
    "nobody",
    "ada nobody",
    "@nobody",
];
/// The search of the versions before schema 6, with `$n` for parameters: after, prefix, end of the prefix, limit.
const EARLIER_SEARCH: &str = "SELECT u.id, u.username, u.name, u.created_at, u.last_seen_at FROM users u WHERE u.username_key > $1 \
     AND ((u.username_key >= $2 AND u.username_key < $3) OR (u.name_key >= $2 AND u.name_key < $3)) \
     ORDER BY u.username_key LIMIT $4";

/// A name that looks like one, the same for the same number: one of 16 first names, and a last name of three syllables.
fn name(number: usize) -> String {
    const FIRST: [&str; 16] = [
        "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Margaret", "Dennis", "Radia",
        "Niklaus", "Mary", "Tony", "Sophie", "Élodie",
    ];
    const SYLLABLES: [&str; 20] = [
        "ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "le", "mu", "na", "po", "qui", "re", "su", "ta", "vo", "wi",
        "xe", "zu",
    ];
    let mixed = number.wrapping_mul(0x9E37_79B9).wrapping_add(number >> 7) % 4_294_967_296;
    let last: String = (0..3).map(|place| SYLLABLES[(mixed >> (5 + 7 * place)) % 20]).collect();
    format!("{} {}{}", FIRST[mixed % 16], last[..1].to_uppercase(), &last[1..])
}

/// The users of a database from before there were words.
async fn insert_crowd(url: &str) {
    let users: Vec<(String, String)> = (0..CROWD).map(|number| (format!("user{number:06}"), name(number))).collect();
    let insert = "INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at)";
    if let Some(file) = url.strip_prefix("sqlite:") {
        let mut database = rusqlite::Connection::open(file).unwrap();
        let transaction = database.transaction().unwrap();
        let sql = format!("{insert} VALUES (randomblob(16), ?1, ?1, ?2, ?3, 'hash', 0)");
        for (username, name) in &users {
            let row = [username, name, &name.to_lowercase()];
            transaction.prepare_cached(&sql).unwrap().execute(row).unwrap();
        }
        transaction.commit().unwrap();
    } else {
        let database = connect(url).await;
        let sql = format!(
            "{insert} SELECT gen_random_uuid(), u, u, n, lower(n), 'hash', now() FROM unnest($1::text[], $2::text[]) AS x(u, n)"
        );
        let (usernames, names): (Vec<String>, Vec<String>) = users.into_iter().unzip();
        database.execute(&sql, &[&usernames, &names]).await.unwrap();
        database.batch_execute("VACUUM ANALYZE users").await.unwrap();
    }
}

/// The earlier search, on one connection with the settings of that version.
enum EarlierSearch {
    Sqlite(rusqlite::Connection),
    Postgres(Client, Statement),
}

impl EarlierSearch {
    async fn open(url: &str) -> Self {
        let Some(file) = url.strip_prefix("sqlite:") else {
            let database = connect(url).await;
            let statement = database.prepare(EARLIER_SEARCH).await.unwrap();
            return Self::Postgres(database, statement);
        };
        let database = rusqlite::Connection::open(file).unwrap();
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
        Self::Sqlite(database)
    }

    /// Returns the number of matches.
    async fn run(&self, q: &str) -> usize {
        let (prefix, end) = (q.to_lowercase(), format!("{}\u{10FFFF}", q.to_lowercase()));
        match self {
            Self::Sqlite(database) => {
                let mut statement = database.prepare_cached(&EARLIER_SEARCH.replace('$', "?")).unwrap();
                statement.query_map(rusqlite::params!["", prefix, end, 50], |_| Ok(())).unwrap().count()
            }
            Self::Postgres(database, statement) => {
                database.query(statement, &[&"", &prefix, &end, &50_i64]).await.unwrap().len()
            }
        }
    }
}

/// Runs `search` [`RUNS`] times. Returns the median of its times in milliseconds, and the number of matches.
async fn timed(search: impl AsyncFn() -> usize) -> (f64, usize) {
    let (mut times, mut matches) = (Vec::new(), 0);
    for _ in 0..RUNS {
        let started = Instant::now();
        matches = search().await;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    (times[times.len() / 2].as_secs_f64() * 1_000.0, matches)
}

async fn measure(store: Fixture) {
    println!("\n{}, {CROWD} users", store.kind());
    insert_crowd(&store.url).await;
    let (started, mut users, mut longest) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let batch_started = Instant::now();
        match store.rewrite_user_words(1, USER_WORDS_BATCH).await.unwrap() {
            0 => break,
            batch => users += batch,
        }
        longest = longest.max(batch_started.elapsed());
    }
    assert_eq!(users, CROWD);
    println!("words written in {:.1?}, the longest transaction took {longest:.1?}", started.elapsed());
    if store.kind() == "postgres" {
        connect(&store.url).await.batch_execute("VACUUM ANALYZE users, user_words").await.unwrap();
    }
    let earlier = EarlierSearch::open(&store.url).await;
    // A server has searched before, and PostgreSQL has settled on a plan.
    for q in SEARCHES {
        earlier.run(q).await;
        search(&*store.store, q).await;
    }
    println!("| q | before, ms | matches | now, ms | matches |");
    for q in SEARCHES {
        let (before, found_before) = timed(async || earlier.run(q).await).await;
        let (now, found_now) = timed(async || search(&*store.store, q).await).await;
        println!("| `{q}` | {before:.1} | {found_before} | {now:.1} | {found_now} |");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: run it alone, with --no-capture"]
async fn searches_among_many_users_are_timed_in_sqlite() {
    measure(Fixture::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: run it alone, with --no-capture"]
async fn searches_among_many_users_are_timed_in_postgresql() {
    measure(Fixture::postgres().await).await;
}
