//! Pages of history.

use futures_util::future::try_join;
use tokio_postgres::Row;

use super::link::{Link, Params};
use super::rows::{self, Columns};
use super::rows_at_most;
use crate::domain::message::Message;
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::queries::message_columns;
use crate::store::{Page, Range, queries};

macro_rules! page_select {
    ($range:literal, $order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m WHERE m.conversation_id = $1 AND ",
            $range,
            " AND EXISTS (SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $4) \
             ORDER BY m.seq ",
            $order,
            " LIMIT $3"
        )
    };
}

/// conversation, before (exclusive), limit, reader. For somebody who is not in it nothing is looked for: PostgreSQL asks that first, once.
const PAGE_BEFORE: &str = page_select!("m.seq < $2", "DESC");
/// conversation, after (exclusive), limit, reader
const PAGE_AFTER: &str = page_select!("m.seq > $2", "ASC");

/// A page and who may read it, in one round trip; in two, if it tells receipts.
pub(super) async fn page(
    link: &Link,
    reader_id: UserId,
    id: ConversationId,
    range: Range,
    limit: usize,
) -> Result<Option<Page>> {
    let (sql, seq) = range.found_by(PAGE_BEFORE, PAGE_AFTER);
    link.prepare(&[queries::STANDING, sql]).await?;
    let limit = rows_at_most(limit);
    let (reader, page): (Params<'_>, Params<'_>) = (&[&reader_id, &id], &[&id, &seq, &limit, &reader_id]);
    // In this order, so that the newest number never names a message that a full page should have had and has not.
    let (standing, rows) = try_join(link.send(queries::STANDING, reader), link.send(sql, page)).await?;
    let Some(row) = standing.first() else { return Ok(None) };
    let (last_seq, member_count) = rows::pair(&mut Columns::of(row))?;
    let mut page = Page { last_seq, member_count, messages: read(&rows, range)?, receipts: None };
    if page.tells_receipts(reader_id) {
        page.receipts = receipts_of_others(link, id, reader_id).await?;
    }
    Ok(Some(page))
}

/// Messages, oldest first.
pub(super) async fn messages(link: &Link, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
    let (sql, seq) = range.found_by(queries::MESSAGES_BEFORE, queries::MESSAGES_AFTER);
    read(&link.rows(sql, &[&id, &seq, &rows_at_most(limit)]).await?, range)
}

fn read(rows: &[Row], range: Range) -> Result<Vec<Message>> {
    rows.iter()
        .map(|row| rows::message(&mut Columns::of(row)))
        .collect::<Result<_>>()
        .map(|found| range.in_order(found))
}

/// The least receipts of the other members; nothing if there are none.
pub(super) async fn receipts_of_others(link: &Link, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
    let rows = link.rows(queries::RECEIPTS_OF_OTHERS, &[&id, &user_id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (delivered, read): (Option<Seq>, Option<Seq>) = rows::pair(&mut Columns::of(row))?;
    Ok(delivered.zip(read))
}
