//! Pages of history.

use futures_util::future::try_join;

use super::link::{Link, Params};
use super::rows::{self, Columns};
use super::rows_at_most;
use crate::domain::message::Message;
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::{Page, Range, queries};

/// A page and who may read it, in one round trip; in two, if it tells receipts.
pub(super) async fn page(
    link: &Link,
    reader_id: UserId,
    id: ConversationId,
    range: Range,
    limit: usize,
) -> Result<Option<Page>> {
    link.prepare(&[queries::STANDING, statement(range).0]).await?;
    // In this order, so that the newest number never names a message that a full page should have had and has not.
    let reader: Params<'_> = &[&reader_id, &id];
    let (standing, messages) = try_join(link.send(queries::STANDING, reader), messages(link, id, range, limit)).await?;
    let Some(row) = standing.first() else { return Ok(None) };
    let (last_seq, member_count) = rows::pair(&mut Columns::of(row))?;
    let mut page = Page { last_seq, member_count, messages, receipts: None };
    if page.tells_receipts(reader_id) {
        page.receipts = receipts_of_others(link, id, reader_id).await?;
    }
    Ok(Some(page))
}

/// The least receipts of the other members; nothing if there are none.
pub(super) async fn receipts_of_others(link: &Link, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
    let rows = link.rows(queries::RECEIPTS_OF_OTHERS, &[&id, &user_id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (delivered, read): (Option<Seq>, Option<Seq>) = rows::pair(&mut Columns::of(row))?;
    Ok(delivered.zip(read))
}

/// Messages, oldest first.
pub(super) async fn messages(link: &Link, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
    let (sql, seq) = statement(range);
    link.prepare(&[sql]).await?;
    let rows = link.send(sql, &[&id, &seq, &rows_at_most(limit)]).await?;
    let mut messages: Vec<Message> =
        rows.iter().map(|row| rows::message(&mut Columns::of(row))).collect::<Result<_>>()?;
    if !matches!(range, Range::After(_)) {
        messages.reverse();
    }
    Ok(messages)
}

/// The statement that reads a range, and from which number.
fn statement(range: Range) -> (&'static str, Seq) {
    match range {
        Range::Newest => (queries::MESSAGES_BEFORE, Seq::MAX),
        Range::Before(seq) => (queries::MESSAGES_BEFORE, seq),
        Range::After(seq) => (queries::MESSAGES_AFTER, seq),
    }
}
