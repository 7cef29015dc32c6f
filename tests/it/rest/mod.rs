//! The REST API: what `docs/protocol.md` promises, through the front door.

mod accounts;
mod conversations;
mod members;
mod messages;
mod sessions;
mod system;

use serde_json::Value;

use crate::support::client::{Answer, Person};

/// One member of each of an answer's items.
fn each(list: &Value, pointer: &str) -> Vec<Value> {
    list["items"].as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap().clone()).collect()
}

/// One member of each item of a list that is read page by page, with how many items each page had.
async fn pages(person: &Person, path: &str, pointer: &str) -> (Vec<Value>, Vec<usize>) {
    let (mut all, mut lengths, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = person.get(&format!("{path}{cursor}")).await.expect(200).json();
        let items = each(&page, pointer);
        lengths.push(items.len());
        all.extend(items);
        assert!(lengths.len() < 100, "the pages never end: {all:?}");
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (all, lengths),
        }
    }
}

/// A problem without the one member that is different each time.
fn nameless(answer: &Answer) -> (u16, Value) {
    let mut problem = answer.json();
    assert!(problem.as_object_mut().unwrap().remove("request_id").is_some(), "{answer:?}");
    (answer.status, problem)
}

/// The names of the fields that a problem refuses.
fn refused_fields(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.problem(), (422, "invalid".to_owned()));
    let problem = answer.json();
    let fields = problem["errors"].as_array().unwrap().iter();
    fields.map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}
