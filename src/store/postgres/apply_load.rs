//! Locks what a batch of commands changes, and loads the facts by which they are decided.

use std::collections::HashMap;

use futures_util::future::{OptionFuture, join_all, join4, join5};
use tokio_postgres::Row;

use super::apply_facts::Statements;
use super::connection::{Params, PgConnection};
use super::contacts::{contact_from, users_with_contact};
use super::members::member;
use super::mentions::{MentionedMembers, mentioned_members, names_to_look_up};
use super::messages::message;
use super::quotes::{read_quotes, set_quote};
use super::rows::Columns;
use super::user_locks;
use super::users::user;
use crate::domain::command::{Action, Command};
use crate::domain::conversation::{ConversationKind, GroupName, Member, Role};
use crate::domain::emoji::Emoji;
use crate::domain::mentions::MentionedNames;
use crate::domain::message::Message;
use crate::domain::rules::adds_removed_kinds;
use crate::domain::rules::contact::Consent;
use crate::domain::user::User;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, UserId};
use crate::limits;

/// conversations
const CONVERSATIONS: &str = "SELECT id, type, name FROM conversations WHERE id = ANY($1)";

/// The facts under the locks. The maps with `usize` keys have a command's index in its batch as the key, and `messages` that of the first
/// command of a group.
pub(super) struct Loaded {
    /// The last number and the number of members.
    pub(super) counters: HashMap<ConversationId, (Seq, i64)>,
    pub(super) conversations: HashMap<ConversationId, (ConversationKind, Option<GroupName>)>,
    pub(super) actors: HashMap<usize, Member>,
    pub(super) targets: HashMap<usize, Target>,
    pub(super) messages: HashMap<usize, Message>,
    /// Of each reaction: its user has reacted with its emoji, and the kinds that its user alone has of a message without this one.
    pub(super) reacted: HashMap<usize, (bool, Vec<Emoji>)>,
    /// The numbers of pinned messages, of conversations in which the batch pins one.
    pub(super) pins: HashMap<ConversationId, i64>,
    /// The users who pinned the messages that are unpinned.
    pub(super) pinned_by: HashMap<usize, UserId>,
    /// The members whom the new texts of edits may mention.
    pub(super) mentioned: MentionedMembers,
}

/// The user whose membership a command changes.
pub(super) struct Target {
    pub(super) user: User,
    /// The role, if they are a member.
    pub(super) role: Option<Role>,
    pub(super) consent: Consent,
}

impl Loaded {
    /// Looks up whether the users who are added have the actor as a contact, where that decides. All in one round trip.
    async fn load_contacts(&mut self, connection: &PgConnection, batch: &[Command]) -> Result<()> {
        let questions = self.targets.iter_mut().filter_map(|(index, target)| match batch.get(*index)?.action {
            Action::AddMember { .. } if target.role.is_none() && target.consent.depends_on_contacts() => {
                Some((batch[*index].actor_id, target))
            }
            _ => None,
        });
        let answered = questions.map(async |(actor_id, target)| {
            let found = users_with_contact(connection, &[target.user.id], actor_id).await?;
            target.consent.has_contact = !found.is_empty();
            Ok(())
        });
        join_all(answered).await.into_iter().collect()
    }
}

/// What a batch asks. The arrays that go with those of the conversations have one element for each command.
struct Questions<'a> {
    conversations: Vec<ConversationId>,
    actors: Vec<UserId>,
    targets: Vec<Option<UserId>>,
    ids: Vec<MessageId>,
    /// The message of a group is loaded once, with its first command.
    lookup_ids: Vec<Option<MessageId>>,
    emoji: Vec<Option<&'a str>>,
    may_lose_kind: Vec<bool>,
    /// The conversations in which a message is pinned.
    pins: Vec<ConversationId>,
    unpinned: Vec<Option<MessageId>>,
    edited: Vec<Option<MessageId>>,
    /// The names in the new texts of edits.
    names: Vec<(ConversationId, MentionedNames)>,
    /// The users whose memberships, contacts and consent the batch reads and changes. They are locked before the facts are loaded, so that a
    /// decision sees what other transactions changed of them.
    to_lock: Vec<UserId>,
}

impl<'a> Questions<'a> {
    fn of(batch: &'a [Command], groups: &[Vec<usize>]) -> Self {
        let ids: Vec<MessageId> = batch.iter().map(Command::lookup_id).collect();
        let mut lookup_ids: Vec<Option<MessageId>> = vec![None; batch.len()];
        for first in groups.iter().filter_map(|group| group.first()) {
            lookup_ids[*first] = Some(ids[*first]);
        }
        let emoji: Vec<Option<&str>> = batch.iter().map(|command| command.action.emoji().map(Emoji::as_str)).collect();
        let pins = batch.iter().filter(|command| matches!(command.action, Action::Pin { is_pinned: true, .. }));
        let messages_of = |is_meant: fn(&Action) -> bool| -> Vec<Option<MessageId>> {
            batch.iter().map(|command| command.action.message_id().filter(|_| is_meant(&command.action))).collect()
        };
        let names = batch.iter().filter_map(|command| match &command.action {
            Action::EditMessage { content, .. } => {
                Some((command.conversation_id, MentionedNames::of(content.as_str())))
            }
            _ => None,
        });
        Self {
            conversations: batch.iter().map(|command| command.conversation_id).collect(),
            actors: batch.iter().map(|command| command.actor_id).collect(),
            targets: batch.iter().map(|command| command.action.user_id()).collect(),
            ids,
            lookup_ids,
            may_lose_kind: if has_some(&emoji) { may_lose_kind(batch, groups) } else { vec![false; batch.len()] },
            emoji,
            pins: pins.map(|command| command.conversation_id).collect(),
            unpinned: messages_of(|action| matches!(action, Action::Pin { is_pinned: false, .. })),
            edited: messages_of(|action| matches!(action, Action::EditMessage { .. })),
            names: names.collect(),
            to_lock: users_to_lock(batch),
        }
    }
}

fn has_some<T>(values: &[Option<T>]) -> bool {
    values.iter().any(Option::is_some)
}

/// Returns for each command if its message may lose the command's emoji in the batch.
fn may_lose_kind(batch: &[Command], groups: &[Vec<usize>]) -> Vec<bool> {
    let mut all = vec![false; batch.len()];
    for group in groups {
        let commands: Vec<&Command> = group.iter().map(|index| &batch[*index]).collect();
        for (index, may_lose) in group.iter().zip(adds_removed_kinds(&commands)) {
            all[*index] = may_lose;
        }
    }
    all
}

fn users_to_lock(batch: &[Command]) -> Vec<UserId> {
    let users = batch.iter().flat_map(|command| match command.action {
        Action::AddMember { user_id, .. } => vec![user_id, command.actor_id],
        Action::RemoveMember { user_id } => vec![user_id],
        _ => Vec::new(),
    });
    users.collect()
}

/// Begins a transaction, locks the counters and the users, and loads the facts, all in one round trip.
pub(super) async fn load(
    connection: &PgConnection,
    sql: &'static Statements,
    batch: &[Command],
    groups: &[Vec<usize>],
) -> Result<Loaded> {
    user_locks::prepare(connection).await?;
    connection.prepare(&[sql.lock, CONVERSATIONS, sql.actors, sql.targets, sql.messages]).await?;
    connection
        .prepare(&[sql.reacted, sql.pin_counts, sql.pinned_by, sql.quotes_of_edited, sql.mentioned_members])
        .await?;
    let asked = Questions::of(batch, groups);
    let Questions { conversations, actors, targets, ids, emoji, may_lose_kind, unpinned, edited, .. } = &asked;
    let (named_in, usernames) = names_to_look_up(asked.names.iter().map(|(id, names)| (*id, names)));
    let with_pins: Params<'_> = &[&asked.pins];
    let with_unpinned: Params<'_> = &[conversations, unpinned];
    let with_edited: Params<'_> = &[&limits::QUOTE_CHARS_MAX, conversations, edited];
    let with_names: Params<'_> = &[&named_in, &usernames];
    let with_targets: Params<'_> = &[conversations, targets, actors];
    let with_emoji: Params<'_> = &[conversations, ids, emoji, actors, may_lose_kind];
    let (
        begun,
        counters,
        locked,
        (pin_counts, pinned_by, quotes, mentioned),
        (conversations, actors, targets, messages, reacted),
    ) = join5(
        connection.begin(),
        connection.send(sql.lock, &[conversations]),
        OptionFuture::from((!asked.to_lock.is_empty()).then(|| user_locks::lock(connection, &asked.to_lock))),
        join4(
            OptionFuture::from((!asked.pins.is_empty()).then(|| Box::pin(connection.send(sql.pin_counts, with_pins)))),
            OptionFuture::from(has_some(unpinned).then(|| Box::pin(connection.send(sql.pinned_by, with_unpinned)))),
            OptionFuture::from(has_some(edited).then(|| Box::pin(connection.send(sql.quotes_of_edited, with_edited)))),
            OptionFuture::from(
                (!usernames.is_empty()).then(|| Box::pin(connection.send(sql.mentioned_members, with_names))),
            ),
        ),
        join5(
            connection.send(CONVERSATIONS, &[conversations]),
            connection.send(sql.actors, &[conversations, actors]),
            OptionFuture::from(has_some(targets).then(|| connection.send(sql.targets, with_targets))),
            connection.send(sql.messages, &[conversations, &asked.lookup_ids]),
            OptionFuture::from(has_some(emoji).then(|| Box::pin(connection.send(sql.reacted, with_emoji)))),
        ),
    )
    .await;
    begun?;
    locked.transpose()?;
    let mut loaded = Loaded {
        counters: map(&counters?, |columns| Ok((columns.next()?, (columns.next()?, columns.next()?))))?,
        conversations: map(&conversations?, conversation)?,
        actors: map(&actors?, |columns| Ok((command_index(columns)?, member(columns)?)))?,
        targets: map(&targets.transpose()?.unwrap_or_default(), target)?,
        messages: map(&messages?, |columns| Ok((command_index(columns)?, message(columns)?)))?,
        pins: map(&pin_counts.transpose()?.unwrap_or_default(), |columns| Ok((columns.next()?, columns.next()?)))?,
        mentioned: mentioned_members(&mentioned.transpose()?.unwrap_or_default())?,
        pinned_by: map(&pinned_by.transpose()?.unwrap_or_default(), |columns| {
            Ok((command_index(columns)?, columns.next()?))
        })?,
        reacted: map(&reacted.transpose()?.unwrap_or_default(), own_reactions)?,
    };
    if let Some(rows) = quotes.transpose()? {
        let quotes = read_quotes(&rows);
        loaded.messages.values_mut().for_each(|message| set_quote(message, &quotes));
    }
    loaded.load_contacts(connection, batch).await?;
    Ok(loaded)
}

fn conversation(columns: &mut Columns<'_>) -> Result<(ConversationId, (ConversationKind, Option<GroupName>))> {
    let (id, kind) = (columns.next()?, columns.parsed(ConversationKind::parse)?);
    Ok((id, (kind, columns.next::<Option<String>>()?.map(GroupName::from_trusted))))
}

fn target(columns: &mut Columns<'_>) -> Result<(usize, Target)> {
    let (index, user) = (command_index(columns)?, user(columns)?);
    let role: Option<&str> = columns.next()?;
    let consent = Consent {
        contact_from: contact_from(columns)?,
        is_blocked: columns.next()?,
        has_left: columns.next()?,
        has_contact: false,
    };
    Ok((index, Target { user, role: role.and_then(Role::parse), consent }))
}

fn own_reactions(columns: &mut Columns<'_>) -> Result<(usize, (bool, Vec<Emoji>))> {
    let (index, has_reacted) = (command_index(columns)?, columns.next()?);
    let own_kinds: Option<Vec<String>> = columns.next()?;
    Ok((index, (has_reacted, own_kinds.into_iter().flatten().map(Emoji::from_trusted).collect())))
}

fn map<K: std::hash::Hash + Eq, V>(
    rows: &[Row],
    read: impl Fn(&mut Columns<'_>) -> Result<(K, V)>,
) -> Result<HashMap<K, V>> {
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// Reads the index of a command in its batch. PostgreSQL counts from 1.
fn command_index(columns: &mut Columns<'_>) -> Result<usize> {
    let ordinality: i64 = columns.next()?;
    usize::try_from(ordinality - 1).map_err(Error::internal)
}
