//! The search for users by the words of their names, with a bound on the rows that it reads.
//!
//! A word that few users have gives candidates: the store returns their ids from its index of words. If every word of a query is common, the
//! search walks through the users by username instead, and soon finds a page of matches. A page ends when it is full, or when the
//! search has read [`limits::SEARCH_USERS_MAX`] users. So a page can have fewer matches than asked for, and others follow it.

use super::Users;
use crate::domain::search::Query;
use crate::domain::user::User;
use crate::domain::{Result, UserId};
use crate::limits;

/// A page of users, by username.
#[derive(Debug, PartialEq, Eq)]
pub struct UserPage {
    /// The matches, perhaps fewer than asked for.
    pub users: Vec<User>,
    /// The folded username after which the next page starts. `None` if no matches follow.
    pub next: Option<String>,
}

/// Returns at most `limit` users whose folded username comes after `after`, by username. With a `query` only those who match it.
pub async fn search_users<S: Users + ?Sized>(
    store: &S,
    query: Option<&Query>,
    after: Option<&str>,
    limit: usize,
) -> Result<UserPage> {
    let candidates = match query {
        Some(query) => few_candidates(store, query).await?,
        None => None,
    };
    // Usernames with the same beginning are neighbours in the walk.
    let beginning = query.map(Query::username).unwrap_or_default();
    let mut from = after.map(first_after).unwrap_or_default().max(beginning.to_owned());
    let (mut users, mut users_read, mut rows_at_once) = (Vec::<User>::new(), 0, limit + 1);
    loop {
        let rows = match &candidates {
            Some(ids) => store.users_by_id(ids, &from, rows_at_once).await?,
            None => store.users(&from, rows_at_once).await?,
        };
        users_read += rows.len();
        let last_read = rows.last().filter(|_| rows.len() == rows_at_once).map(|last| last.username.key());
        for user in rows.into_iter().filter(|user| query.is_none_or(|query| query.matches(user))) {
            if users.len() == limit {
                let next = users.last().map(|last| last.username.key());
                return Ok(UserPage { users, next });
            }
            users.push(user);
        }
        match last_read.filter(|key| key.starts_with(beginning)) {
            Some(key) if users_read < limits::SEARCH_USERS_MAX => from = first_after(&key),
            next => return Ok(UserPage { users, next }),
        }
        rows_at_once = limits::SEARCH_USERS_AT_ONCE;
    }
}

/// Returns the ids of all users who have one of the query's words, for a word that few have. Returns `None` if many have each of them.
async fn few_candidates<S: Users + ?Sized>(store: &S, query: &Query) -> Result<Option<Vec<UserId>>> {
    for word in query.lookups() {
        let mut ids = store.user_ids_by_word(word, limits::SEARCH_CANDIDATES_MAX + 1).await?;
        if ids.len() <= limits::SEARCH_CANDIDATES_MAX {
            // A user with two such words is there twice.
            ids.sort_unstable();
            ids.dedup();
            return Ok(Some(ids));
        }
    }
    Ok(None)
}

/// Returns the least text that comes after `key` and before every later username, which has no character as low as U+0001.
fn first_after(key: &str) -> String {
    format!("{key}\u{1}")
}
