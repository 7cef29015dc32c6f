//! Databases that count as distributed, and the one that is: `CHINWAG_TEST_CITUS_URL` names a database with the extension, on its coordinator, whose rows the
//! tests delete.

use std::env;

use chinwag::store::distribution_script;
use tokio_postgres::Client;

use super::operated::run;
use super::postgres::{connect, migrated_database};

/// A real Citus that belongs to one test, without rows.
pub(crate) struct Citus {
    pub(crate) url: String,
    /// Holds a lock of the database until it is dropped.
    _owner: Client,
}

impl Citus {
    /// Waits for the tests that use it, distributes its tables, and deletes all rows. `None` if there is no Citus.
    pub(crate) async fn alone() -> Option<Self> {
        let url = env::var("CHINWAG_TEST_CITUS_URL").ok()?;
        let owner = connect(&url).await;
        owner.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
        let distributed = "SELECT to_regproc($1) IS NOT NULL";
        let name = mark().split("FUNCTION ").nth(1).and_then(|rest| rest.split('(').next()).unwrap().to_owned();
        if !owner.query_one(distributed, &[&name]).await.unwrap().get::<_, bool>(0) {
            let ended = run(&url, "", &["migrate", "--distribute"]).await;
            assert!(ended.succeeded, "{ended:?}");
        }
        empty(&url).await;
        Some(Self { url, _owner: owner })
    }
}

/// Deletes all rows but those of the schema's versions.
pub(crate) async fn empty(url: &str) {
    let tables = "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_versions'";
    let client = connect(url).await;
    let tables: String = client.query_one(tables, &[]).await.unwrap().get(0);
    client.batch_execute(&format!("TRUNCATE {tables}")).await.unwrap();
}

/// Returns the part of the script that creates the functions.
pub(crate) fn functions() -> String {
    let script = distribution_script();
    let start = script.find("CREATE OR REPLACE FUNCTION").expect("the script creates functions");
    let end = script.rfind("$function$;").expect("the end of the last function") + "$function$;".len();
    script[start..end].to_owned()
}

/// Returns the statements of the script that change keys of tables, drop foreign keys, and create tables.
pub(crate) fn tables() -> String {
    let script = distribution_script();
    let changes = script
        .lines()
        .filter(|line| ["DO $key$", "ALTER TABLE ", "CREATE TABLE "].iter().any(|start| line.starts_with(start)));
    changes.flat_map(|line| [line, "\n"]).collect()
}

/// Returns the last statement of the script, which marks the distribution as complete.
pub(crate) fn mark() -> String {
    distribution_script().lines().last().expect("the script has statements").to_owned()
}

/// Returns the statements of the script that fill the tables by user from the others.
pub(crate) fn fill() -> String {
    let script = distribution_script();
    let starts = ["BEGIN; TRUNCATE user_conversations", "INSERT INTO user_states "];
    let filling = script.lines().filter(|line| starts.iter().any(|start| line.starts_with(start)));
    let filling: Vec<&str> = filling.collect();
    assert_eq!(filling.len(), starts.len(), "the script has them");
    filling.join("\n")
}

/// Makes a database whose schema is there count as distributed. A store that is opened on it afterwards uses the forms of its statements for that.
pub(crate) async fn count_as_distributed(url: &str) {
    connect(url).await.batch_execute(&(tables() + &functions() + &mark())).await.unwrap();
}

/// Creates a database with the schema of this build that counts as distributed, and returns its URL.
pub(crate) async fn distributed_database() -> String {
    let url = migrated_database().await;
    count_as_distributed(&url).await;
    url
}
