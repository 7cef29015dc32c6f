//! The REST API, as `docs/protocol.md` specifies it.

mod accounts;
mod blocks;
mod consent;
mod conversations;
mod deletions;
mod ended_sessions;
mod leaving;
mod listed_sessions;
mod members;
mod mentions;
mod messages;
mod names;
mod notifications;
mod operators;
mod pins;
mod reactions;
mod receipts;
mod registration;
mod reports;
mod saved;
mod search;
mod search_index;
mod sessions;
mod static_files;
mod system;
mod user_words;

use serde_json::Value;

use crate::support::client::{Response, TestUser};

/// Returns one member of each item of a response.
fn each(list: &Value, pointer: &str) -> Vec<Value> {
    list["items"].as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap().clone()).collect()
}

/// Reads a list page by page. Returns one member of each item, and the number of items of each page.
async fn pages(user: &TestUser, path: &str, pointer: &str) -> (Vec<Value>, Vec<usize>) {
    let (mut all, mut lengths, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = user.get(&format!("{path}{cursor}")).await.expect(200).json();
        let items = each(&page, pointer);
        assert!(!items.is_empty() || lengths.is_empty(), "a full last page is the last");
        lengths.push(items.len());
        all.extend(items);
        assert!(lengths.len() < 100, "the pages never end: {all:?}");
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (all, lengths),
        }
    }
}

/// Returns a problem without its request id, which differs each time.
fn nameless(answer: &Response) -> (u16, Value) {
    let mut problem = answer.json();
    assert!(problem.as_object_mut().unwrap().remove("request_id").is_some(), "{answer:?}");
    (answer.status, problem)
}

/// Returns the names of the fields that a problem refuses.
fn refused_fields(answer: &Response) -> Vec<String> {
    assert_eq!(answer.problem(), (422, "invalid".to_owned()));
    let problem = answer.json();
    let fields = problem["errors"].as_array().unwrap().iter();
    fields.map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}
