//! Mentions: the names in texts are looked up and decided under the locks of their conversations.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use futures_util::future::{OptionFuture, join};
use tokio_postgres::Row;

use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use crate::domain::command::NewMessage;
use crate::domain::conversation::{ConversationKind, Role};
use crate::domain::mentions::{MentionedNames, Mentions};
use crate::domain::rules::{may_mention_all, mentions};
use crate::domain::{ConversationId, Error, Result, UserId};

macro_rules! mentioned_members {
    ($conversation:literal) => {
        concat!(
            "SELECT w.conversation_id, w.username_key, u.id \
             FROM unnest($1::uuid[], $2::text[]) AS w (conversation_id, username_key) \
             CROSS JOIN LATERAL (SELECT id FROM users WHERE users.username_key = w.username_key LIMIT 1) AS u \
             JOIN members mb ON mb.conversation_id = ",
            $conversation,
            " AND mb.user_id = u.id"
        )
    };
}

macro_rules! senders_of_all {
    ($conversation:literal) => {
        concat!(
            "SELECT w.place, c.type, mb.role \
             FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, place) \
             JOIN conversations c ON c.id = w.conversation_id \
             JOIN members mb ON mb.conversation_id = ",
            $conversation,
            " AND mb.user_id = w.user_id"
        )
    };
}

/// conversations, folded usernames. Each array has one element for each name. Returns those that members have. The nested select has a LIMIT, so
/// that each user is looked up by the index: the planner's other ways read the whole table.
pub(super) const MENTIONED_MEMBERS: &str = mentioned_members!("w.conversation_id");
/// The same, if all conversations are one.
pub(super) const MENTIONED_MEMBERS_OF_ONE: &str = mentioned_members!("($1::uuid[])[1]");
/// conversations, senders. Each array has one element for each message that says `@all`.
const SENDERS_OF_ALL: &str = senders_of_all!("w.conversation_id");
/// The same, if all conversations are one.
const SENDERS_OF_ALL_OF_ONE: &str = senders_of_all!("($1::uuid[])[1]");
/// conversation, limit. By the places of the rows, as the reactions to a message.
pub(super) const SWEEP_MENTIONS: &str = "DELETE FROM mentions WHERE conversation_id = $1 AND ctid = ANY(ARRAY( \
     SELECT ctid FROM mentions WHERE conversation_id = $1 LIMIT $2))";
/// conversation, limit. In the same way.
pub(super) const SWEEP_MENTIONS_OF_ALL: &str = "DELETE FROM mentions_of_all WHERE conversation_id = $1 AND ctid = ANY(ARRAY( \
     SELECT ctid FROM mentions_of_all WHERE conversation_id = $1 LIMIT $2))";

/// Members by their conversations and folded usernames.
pub(super) type MentionedMembers = HashMap<ConversationId, HashMap<String, UserId>>;

/// The names of messages as parameters of [`MENTIONED_MEMBERS`], each once.
pub(super) fn names_to_look_up<'a>(
    messages: impl Iterator<Item = (ConversationId, &'a MentionedNames)>,
) -> (Vec<ConversationId>, Vec<&'a str>) {
    let names = messages.flat_map(|(id, names)| names.usernames().into_iter().map(move |name| (id, name)));
    let distinct: HashSet<(ConversationId, &str)> = names.collect();
    distinct.into_iter().unzip()
}

/// Reads the rows of [`MENTIONED_MEMBERS`].
pub(super) fn mentioned_members(found: &[Row]) -> Result<MentionedMembers> {
    let mut members = MentionedMembers::new();
    for row in found {
        let mut columns = Columns::of(row);
        let (conversation_id, username_key) = rows::pair(&mut columns)?;
        members.entry(conversation_id).or_default().insert(username_key, columns.next()?);
    }
    Ok(members)
}

fn sender_of_all(columns: &mut Columns<'_>) -> Result<(i64, ConversationKind, Role)> {
    Ok((columns.next()?, columns.parsed(ConversationKind::parse)?, columns.parsed(Role::parse)?))
}

/// The statements of [`resolve`], which the caller prepares.
pub(super) const STATEMENTS: [&str; 2] = [MENTIONED_MEMBERS, SENDERS_OF_ALL];
/// The same, if all messages are of one conversation.
pub(super) const STATEMENTS_OF_ONE: [&str; 2] = [MENTIONED_MEMBERS_OF_ONE, SENDERS_OF_ALL_OF_ONE];

/// Decides whom new messages mention, in one round trip under the locks of their conversations. Returns one element for each message.
pub(super) async fn resolve<M: Borrow<NewMessage>>(
    connection: &PgConnection,
    [mentioned_members_sql, senders_of_all_sql]: [&'static str; 2],
    batch: &[M],
    names: &[MentionedNames],
) -> Result<Vec<Mentions>> {
    let new = |index: usize| batch[index].borrow();
    let (conversations, usernames) =
        names_to_look_up((0..batch.len()).map(|index| new(index).conversation_id).zip(names));
    let of_all: Vec<usize> = (0..batch.len()).filter(|index| names[*index].has_all()).collect();
    let senders = of_all.iter().map(|index| (new(*index).conversation_id, new(*index).sender_id));
    let (in_conversations, senders): (Vec<ConversationId>, Vec<UserId>) = senders.unzip();
    let with_senders: Params<'_> = &[&in_conversations, &senders];
    let (members, senders) = join(
        connection.send(mentioned_members_sql, &[&conversations, &usernames]),
        OptionFuture::from((!of_all.is_empty()).then(|| connection.send(senders_of_all_sql, with_senders))),
    )
    .await;
    let (members, senders) = (mentioned_members(&members?)?, senders.transpose()?.unwrap_or_default());
    let mut mentioning_all: HashSet<usize> = HashSet::new();
    for (place, kind, role) in rows::all(&senders, sender_of_all)? {
        let index = usize::try_from(place - 1).map_err(Error::internal)?;
        if may_mention_all(kind, role) {
            mentioning_all.extend(of_all.get(index));
        }
    }
    let nobody = HashMap::new();
    let resolved = names.iter().enumerate().map(|(index, names)| {
        let members = members.get(&new(index).conversation_id).unwrap_or(&nobody);
        mentions(names, |name| members.get(name).copied(), mentioning_all.contains(&index))
    });
    Ok(resolved.collect())
}

/// The mentions of a batch, as parameters of the statement that commits it. Places count from 1.
#[derive(Default)]
pub(super) struct MentionRows {
    /// One for each message.
    pub(super) texts: Vec<Option<String>>,
    /// The message and the user of each mention.
    pub(super) places: Vec<i64>,
    pub(super) users: Vec<UserId>,
    pub(super) places_of_all: Vec<i64>,
}

impl MentionRows {
    /// Returns `None` if the batch mentions nobody. Nobody is told of a mention of their own.
    pub(super) fn of<M: Borrow<NewMessage>>(batch: &[M], mentions: &[Mentions]) -> Option<Self> {
        if mentions.iter().all(Mentions::is_empty) {
            return None;
        }
        let texts = mentions.iter().map(Mentions::stored).collect();
        let mut rows = Self { texts, places: Vec::new(), users: Vec::new(), places_of_all: Vec::new() };
        for ((place, new), mentions) in (1..).zip(batch).zip(mentions) {
            for user_id in mentions.user_ids.iter().filter(|user_id| **user_id != new.borrow().sender_id) {
                rows.places.push(place);
                rows.users.push(*user_id);
            }
            if mentions.all {
                rows.places_of_all.push(place);
            }
        }
        Some(rows)
    }
}
