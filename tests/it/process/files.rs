//! The files of the server: who can read them, and what stays in them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use chinwag::limits;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{Running, chinwag, chinwag_after};
use crate::support::client::TestUser;
use crate::support::socket::TEST_TIMEOUT;

/// Returns the names of the files in a folder, with their permissions.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut modes: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777))
        .collect();
    modes.sort();
    modes
}

const PRIVATE: u32 = 0o600;

#[tokio::test]
async fn only_the_owner_can_read_the_files_whatever_the_umask() {
    // The data folder exists already, and everybody may look into it; and a database elsewhere, below a link.
    let data = tempfile::tempdir().unwrap();
    fs::set_permissions(data.path(), Permissions::from_mode(0o755)).unwrap();
    let running = Running::run(chinwag_after("umask 0"), data, &[]);
    TestUser::register(running.address, "ada").await;
    let names = ["chinwag.db", "chinwag.db-lock", "chinwag.db-shm", "chinwag.db-wal", "jwt-secret"];
    assert_eq!(modes(running.data.path()), names.map(|name| (name.to_owned(), PRIVATE)));

    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("other.db"), elsewhere.path().join("link.db")).unwrap();
    let url = format!("sqlite:{}", elsewhere.path().join("link.db").display());
    let running = Running::run(chinwag_after("umask 0"), tempfile::tempdir().unwrap(), &["--database-url", &url]);
    TestUser::register(running.address, "ada").await;
    fs::remove_file(elsewhere.path().join("link.db")).unwrap();
    let modes = modes(elsewhere.path());
    assert!(modes.len() == 4 && modes.iter().all(|(_, mode)| *mode == PRIVATE), "{modes:?}");
}

#[tokio::test]
async fn files_of_earlier_versions_are_made_private_and_an_exposed_secret_is_named() {
    let running = Running::start(&[]);
    TestUser::register(running.address, "ada").await;
    // Killed, so that the log stays.
    let data = running.ended_by(Signal::KILL);
    for (name, _) in modes(data.path()) {
        fs::set_permissions(data.path().join(name), Permissions::from_mode(0o644)).unwrap();
    }
    let mut running = Running::run(chinwag(&[]), data, &[]);
    let (data, warning) = (running.data.path().to_owned(), running.log_line());
    let made_private: Vec<&str> = running.before.iter().map(|line| line["file"].as_str().unwrap()).collect();
    let names = ["chinwag.db", "chinwag.db-wal", "chinwag.db-shm"];
    assert_eq!(made_private, names.map(|name| data.join(name).display().to_string()));
    assert_eq!((&warning["level"], &warning["file"]), (&json!("WARN"), &json!(data.join("jwt-secret"))));
    for (name, mode) in modes(&data) {
        let expected = if ["jwt-secret", "chinwag.db-lock"].contains(&name.as_str()) { 0o644 } else { PRIVATE };
        assert_eq!(mode, expected, "{name}");
    }
}

/// Returns the number of times that a text stands in the files of a folder.
fn occurrences(folder: &Path, text: &str) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()).sum()
}

#[tokio::test]
async fn deleted_text_is_in_no_file() {
    const MARK: &str = "a text that nobody must read again;";
    let running = Running::start(&[]);
    let ada = TestUser::register(running.address, "ada").await;
    let (room, gone) = (ada.group("Lunch", &[]).await, ada.group("Dinner", &[]).await);
    // The index has its words in small letters and without the mark.
    let kept = ada.send(&room, "This one stays!").await;
    // A row in a page among others, a row with a page of its own, and one whose text fills four further pages.
    let texts = [1, 40, limits::CONTENT_BYTES_MAX / MARK.len()].map(|times| MARK.repeat(times));
    for text in &texts {
        ada.send(&gone, text).await;
        let path = |message: &serde_json::Value| format!("{}/{}", room.messages, message["id"].as_str().unwrap());
        let (deleted, edited) = (ada.send(&room, text).await, ada.send(&room, text).await);
        ada.send(&room, "between").await;
        ada.delete(&path(&deleted)).await.expect(204);
        ada.patch(&path(&edited), &json!({"content": "edited"})).await.expect(200);
    }
    assert!(occurrences(running.data.path(), MARK) > 0, "the test looks in the right place");
    ada.delete(&gone.path).await.expect(204);
    let checkpoint = rusqlite::Connection::open(running.data.path().join("chinwag.db")).unwrap();
    let swept = async {
        let left = "SELECT count(*) FROM deleted_conversations WHERE NOT is_swept";
        while checkpoint.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_TIMEOUT, swept).await.expect("the messages of a deleted conversation are deleted");
    // The log holds earlier states until it is started over.
    let is_busy = checkpoint.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(is_busy, 0);
    assert_eq!(occurrences(running.data.path(), MARK), 0);
    assert_eq!(occurrences(running.data.path(), kept["content"].as_str().unwrap()), 1);
}

#[tokio::test]
async fn words_of_deleted_text_are_in_no_file() {
    // No other word begins with its first letter, so that the index of words has it whole.
    const WORD: &str = "zqunreadable";
    let running = Running::start(&["--rate-limits", "off"]);
    let ada = TestUser::register(running.address, "ada").await;
    let (room, gone) = (ada.group("Lunch", &[]).await, ada.group("Dinner", &[]).await);
    let (mut revised, mut sent) = (Vec::new(), 0);
    for text in [WORD.to_owned(), format!("{WORD} ").repeat(600), format!("other {WORD} words")] {
        for room in [&room, &room, &gone] {
            let id = ada.send(room, &text).await["id"].as_str().unwrap().to_owned();
            revised.push(format!("{}/{id}", room.messages));
            sent += 1;
        }
        ada.send(&room, "between other words").await;
    }
    let search = format!("/v1/search?q={WORD}");
    let items = async || ada.get(&search).await.expect(200).json()["items"].as_array().unwrap().len();
    let database = rusqlite::Connection::open(running.data.path().join("chinwag.db")).unwrap();
    let entries = || {
        let count = format!("SELECT count(*) FROM search_words WHERE search_words MATCH '{WORD}'");
        database.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let until = async |expected: i64| {
        let counted = async {
            while entries() != expected {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(TEST_TIMEOUT, counted).await.expect("the index follows");
    };
    until(sent).await;
    assert_eq!(items().await, revised.len());
    for (index, path) in revised.iter().enumerate() {
        match index % 3 {
            0 => drop(ada.delete(path).await.expect(204)),
            1 => drop(ada.patch(path, &json!({"content": "edited"})).await.expect(200)),
            _ => {}
        }
    }
    ada.delete(&gone.path).await.expect(204);
    assert_eq!(items().await, 0);
    until(0).await;
    let swept = async {
        let left = "SELECT count(*) FROM deleted_conversations WHERE NOT is_swept";
        while database.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_TIMEOUT, swept).await.expect("the messages of a deleted conversation are deleted");
    let is_busy = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(is_busy, 0);
    assert_eq!(occurrences(running.data.path(), WORD), 0);
    // The rest of the index is whole, and other words are still there.
    database.execute("INSERT INTO search_words (search_words) VALUES ('integrity-check')", []).unwrap();
    assert!(occurrences(running.data.path(), "between") > 0);
}
