//! A SQLite database belongs to one server at a time, and to chinwag alone.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rustix::process::Signal;

use super::{Running, refused};
use crate::support::client::TestUser;

/// Starts a server that must refuse this database, and returns its reason.
fn refuses(arguments: &[&str]) -> String {
    let error = refused(&[&["--listen", "127.0.0.1:0"], arguments].concat(), &[]);
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_has_ended() {
    let mut first = Running::start(&[]);
    let ada = TestUser::register(first.address, "ada").await;
    let data = first.data.path().to_str().unwrap().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(format!("{data}/chinwag.db"), &link).unwrap();
    let other = elsewhere.path().to_str().unwrap();
    let by_link = format!("sqlite:{}", link.display());
    for arguments in [vec!["--data", &data], vec!["--data", other, "--database-url", &by_link]] {
        let error = refuses(&arguments);
        assert!(error.contains("another server uses the database") && error.contains(".db"), "{error}");
    }
    let bench = refused(&["bench", "pairs", "--database-url", &by_link], &[]);
    assert!(bench.contains("another server uses the database") && bench.lines().count() == 1, "{bench}");
    let users = ada.get("/v1/users").await.expect(200).json();
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "nothing was written: {users}");
    first.signal(Signal::KILL);
    first.child.wait().unwrap();
    drop(Running::start(&["--data", &data]));
}

/// The names and contents of all files in a folder, but for the empty file that is locked.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut contents: Vec<_> =
        entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect();
    contents.retain(|(name, bytes)| !(name.ends_with("-lock") && bytes.is_empty()));
    contents.sort();
    contents
}

/// Writes a file of another program.
type Make<'a> = &'a dyn Fn(&Path);

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let another_programs = |path: &Path, mode: &str| {
        let db = Connection::open(path).unwrap();
        db.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())).unwrap();
        db.execute_batch(
            "CREATE TABLE schema_versions (version); CREATE TABLE users (name); INSERT INTO users VALUES ('x')",
        )
        .unwrap();
    };
    let cases: [(Make, &str); 3] = [
        (&|path| fs::write(path, "a text, and no database\n".repeat(400)).unwrap(), "file is not a database"),
        (&|path| another_programs(path, "DELETE"), "another program"),
        (&|path| another_programs(path, "WAL"), "another program"),
    ];
    for (make, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.db");
        make(&file);
        let before = contents(folder.path());
        let data = folder.path().join("data");
        let error =
            refuses(&["--data", data.to_str().unwrap(), "--database-url", &format!("sqlite:{}", file.display())]);
        assert!(error.contains(file.to_str().unwrap()) && error.contains(reason), "{error}");
        fs::remove_dir_all(data).unwrap();
        assert_eq!(contents(folder.path()), before);
    }
}
