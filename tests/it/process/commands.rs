//! The operator's commands leave alone what is not theirs.

use std::fs;
use std::path::Path;

use crate::support::operated::{empty_database, run};
use crate::support::postgres::connect;
use crate::support::server::StoreKind;

/// Every command that opens a database.
const COMMANDS: &[&[&str]] = &[
    &["registration"],
    &["registration", "open"],
    &["invite"],
    &["user", "add", "ada"],
    &["user", "list"],
    &["user", "disable", "ada"],
    &["user", "enable", "ada"],
    &["user", "reset-password", "ada"],
    &["user", "make-admin", "ada"],
    &["user", "quota", "ada", "--new-a-day", "1"],
    &["user", "delete", "ada"],
];

async fn assert_refused(url: &str, because: &str) {
    for command in COMMANDS {
        let ended = run(url, "", command).await;
        assert!(!ended.succeeded && ended.stdout.is_empty(), "{command:?}: {ended:?}");
        assert!(ended.stderr.contains(because) && ended.stderr.lines().count() == 1, "{command:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn commands_create_no_database() {
    let (url, folder) = empty_database(StoreKind::Sqlite).await;
    assert_refused(&url, "is no database of chinwag; start a server on it first").await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no file was made");

    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let before = fs::read(&foreign).unwrap();
    assert_refused(&format!("sqlite:{}", foreign.display()), "foreign.db is no database of chinwag").await;
    assert_eq!(fs::read(&foreign).unwrap(), before);
    fs::write(&foreign, "no database at all, but a text of some length").unwrap();
    assert_refused(&format!("sqlite:{}", foreign.display()), "foreign.db is no database of chinwag").await;

    let (url, _folder) = empty_database(StoreKind::Postgres).await;
    assert_refused(&url, "is no database of chinwag; start a server on it first").await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(connect(&url).await.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn commands_migrate_no_database() {
    let because = "is at schema version 4; start a server of this version on it first";
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    let (url, folder) = empty_database(StoreKind::Sqlite).await;
    let file = folder.path().join("chinwag.db");
    fs::copy(fixtures.join("schema-4.db"), &file).unwrap();
    let before = fs::read(&file).unwrap();
    assert_refused(&url, because).await;
    assert_eq!(fs::read(&file).unwrap(), before);

    let (url, _folder) = empty_database(StoreKind::Postgres).await;
    let dump = fs::read_to_string(fixtures.join("schema-4.sql")).unwrap();
    let client = connect(&url).await;
    client.batch_execute(&dump).await.unwrap();
    assert_refused(&url, because).await;
    let version = client.query_one("SELECT max(version) FROM public.schema_versions", &[]).await.unwrap();
    assert_eq!(version.get::<_, i64>(0), 4);
}
