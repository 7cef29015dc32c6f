//! The steps that SQLite takes to find users: as many among many users as among few.

use rusqlite::{Connection, StatementStatus, params};

use crate::domain::search::WORDS_VERSION;
use crate::domain::user::{Name, User, Username};
use crate::domain::{Timestamp, UserId};
use crate::store::queries;
use crate::store::queries::users::stale_users;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::sql::sql;
use crate::store::users::Users;

const FEW: usize = 200;
const MANY: usize = 2_000;

/// Runs a statement. Returns the number of its rows, of steps of SQLite's virtual machine, and of steps that scanned a table.
fn steps(db: &Connection, sql: &str, params: impl rusqlite::Params) -> (usize, i32, i32) {
    let mut statement = db.prepare(sql).expect("a statement");
    let rows = statement.query_map(params, |_| Ok(())).expect("rows").count();
    (rows, statement.get_status(StatementStatus::VmStep), statement.get_status(StatementStatus::FullscanStep))
}

#[tokio::test]
async fn finding_users_takes_no_more_steps_among_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chinwag.db");
    let store = Sqlite::open(path.to_str().expect("UTF-8")).await.expect("a store");
    let mut seen = Vec::new();
    for users in [0..FEW, FEW..MANY] {
        for number in users {
            let user = User {
                id: UserId::new(),
                username: Username::from_trusted(format!("u{number:04}")),
                name: Name::from_trusted(format!("Grace Number{number:04}")),
                created_at: Timestamp(0),
                last_seen_at: None,
            };
            store.insert_user(&user, "hash").await.expect("inserted");
        }
        let db = Connection::open(&path).expect("the same database");
        let by_word =
            |word: &str, end: &str| steps(&db, sql!(queries::users::USER_IDS_BY_WORD), params![word, end, 100]);
        seen.push([
            by_word("nobody", "nobodz"),
            by_word("number0001", "number0002"),
            by_word("grace", "gracf"),
            steps(&db, sql!(queries::users::USERS), params!["u01", 51]),
            steps(&db, sql!(stale_users!()), params![WORDS_VERSION, 100]),
        ]);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1].map(|(rows, ..)| rows), [0, 1, 100, 51, 0]);
    assert!(seen[1].iter().all(|(_, _, scanned)| *scanned == 0), "{seen:?}");
}
