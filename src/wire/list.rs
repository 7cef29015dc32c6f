//! A page of a list, bounded in items and in bytes.

use serde::Serialize;

use crate::domain::{Error, Result};

/// Bytes of a page besides its items: the braces, and a cursor with the longest key.
const FRAME_BYTES: usize = 256;

/// Encodes a page with the first `limit` of `rows`, or fewer if they take more than `bytes_max`, but at least one. The page has a cursor
/// after its last item if there are further rows: ask the store for one more than `limit`.
pub fn list<'a, T, O: Serialize>(
    rows: &'a [T],
    limit: usize,
    bytes_max: usize,
    object: impl Fn(&'a T) -> O,
    cursor: impl Fn(&T) -> String,
) -> Result<Vec<u8>> {
    let (items, rest) = rows.split_at(limit.min(rows.len()));
    let next = items.last().filter(|_| !rest.is_empty()).map(&cursor);
    list_with_next(items, next, bytes_max, object, |item| Ok(cursor(item)))
}

/// Encodes a page with these items and the cursor of the next page. With fewer items and another cursor if they take more than `bytes_max`, but
/// with at least one. A cursor can fail, because some are sealed.
pub fn list_with_next<'a, T, O: Serialize>(
    items: &'a [T],
    next: Option<String>,
    bytes_max: usize,
    object: impl Fn(&'a T) -> O,
    cursor: impl Fn(&T) -> Result<String>,
) -> Result<Vec<u8>> {
    let mut page = b"{\"items\":[".to_vec();
    let mut last = None;
    for item in items {
        let before = page.len();
        if last.is_some() {
            page.push(b',');
        }
        serde_json::to_writer(&mut page, &object(item)).map_err(Error::internal)?;
        if last.is_some() && page.len() + FRAME_BYTES > bytes_max {
            page.truncate(before);
            return end(page, last.map(cursor).transpose()?);
        }
        last = Some(item);
    }
    end(page, next)
}

fn end(mut page: Vec<u8>, next: Option<String>) -> Result<Vec<u8>> {
    page.extend_from_slice(b"],\"next\":");
    serde_json::to_writer(&mut page, &next).map_err(Error::internal)?;
    page.push(b'}');
    Ok(page)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FRAME_BYTES, list};

    fn page(rows: &[&str], limit: usize, bytes_max: usize) -> Value {
        let encoded =
            list(rows, limit, bytes_max, |row| *row, |row| format!("after {row}")).expect("it can be encoded");
        assert!(encoded.len() <= bytes_max || rows[0].len() + FRAME_BYTES > bytes_max, "{bytes_max}");
        serde_json::from_slice(&encoded).expect("JSON")
    }

    #[test]
    fn a_page_ends_at_its_limit() {
        let rows = ["a", "b", "c"];
        assert_eq!(page(&rows, 2, 1_000), json!({"items": ["a", "b"], "next": "after b"}));
        assert_eq!(page(&rows, 3, 1_000), json!({"items": rows, "next": null}), "a full last page is the last");
        assert_eq!(page(&rows, 4, 1_000), json!({"items": rows, "next": null}));
        assert_eq!(page(&[], 4, 1_000), json!({"items": [], "next": null}));
    }

    #[test]
    fn a_page_ends_at_its_bytes_but_has_an_item() {
        let long = "x".repeat(400);
        let rows = [long.as_str(), "b", long.as_str(), "d"];
        let items = |bytes_max| page(&rows, 4, bytes_max)["items"].as_array().expect("items").len();
        assert_eq!((items(1), items(600), items(700), items(1_000), items(1_200)), (1, 1, 2, 2, 4));
        assert_eq!(page(&rows, 4, 700)["next"], "after b");
        assert_eq!(page(&rows, 4, 1)["next"], format!("after {long}"));
    }
}
