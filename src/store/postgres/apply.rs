//! Applies a batch of commands in one transaction and two round trips, with the decisions between them. A third one asks for contacts, if a
//! decision depends on them.

use std::collections::HashMap;

use futures_util::future::{OptionFuture, join_all, join4, join5};
use tokio_postgres::Row;

use super::apply_facts::Statements;
use super::apply_writes::Writes;
use super::connection::{Params, PgConnection};
use super::contacts::{contact_from, users_with_contact};
use super::members::member;
use super::mentions::{MentionedMembers, mentioned_members, names_to_look_up};
use super::messages::message;
use super::quotes::{read_quotes, set_quote};
use super::rows::Columns;
use super::users::{LOCK_USERS, user};
use crate::domain::command::{Action, Command, Outcome};
use crate::domain::conversation::{ConversationKind, GroupName, Member, Role};
use crate::domain::emoji::Emoji;
use crate::domain::mentions::MentionedNames;
use crate::domain::message::Message;
use crate::domain::rules::contact::Consent;
use crate::domain::rules::{Facts, Reactor, Verdict, adds_removed_kinds, decide_group, groups};
use crate::domain::user::User;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, UserId};
use crate::limits;

/// conversations
const CONVERSATIONS: &str = "SELECT id, type, name FROM conversations WHERE id = ANY($1)";

/// Applies a batch with the statements of one form. The caller bounds the time.
pub(super) async fn apply(
    connection: &PgConnection,
    sql: &'static Statements,
    batch: &[Command],
) -> Result<Vec<Result<Outcome>>> {
    let groups = groups(batch);
    let mut loaded = match Box::pin(load(connection, sql, batch, &groups)).await {
        Ok(loaded) => loaded,
        Err(error) => {
            // Nothing was written. If the rollback fails too, the connection is closed and the server rolls back by itself.
            let _ = connection.rollback().await;
            return Err(error);
        }
    };
    let mut writes = Writes::default();
    let mut outcomes = vec![Ok(Outcome::NoChange); batch.len()];
    for group in &groups {
        for (index, verdict) in group.iter().zip(loaded.decide(group, batch)) {
            let command = &batch[*index];
            outcomes[*index] = match verdict {
                Ok(Verdict::Write(decision)) => loaded.next_seq(command).map(|seq| {
                    let event = decision.event(command, seq);
                    writes.add(command, seq, &decision, &event);
                    Outcome::Committed(event)
                }),
                Ok(Verdict::Nothing(outcome)) => Ok(outcome),
                Err(refusal) => Err(refusal),
            };
        }
    }
    if writes.is_empty() {
        let _ = connection.rollback().await;
    } else {
        writes.commit(connection, sql.is_of_one).await?;
    }
    Ok(outcomes)
}

/// The facts under the locks. The maps with `usize` keys have a command's index in its batch as the key, and `messages` that of the first
/// command of a group.
struct Loaded {
    /// The last number and the number of members.
    counters: HashMap<ConversationId, (Seq, i64)>,
    conversations: HashMap<ConversationId, (ConversationKind, Option<GroupName>)>,
    actors: HashMap<usize, Member>,
    targets: HashMap<usize, Target>,
    messages: HashMap<usize, Message>,
    /// Of each reaction: its user has reacted with its emoji, and the kinds that its user alone has of a message without this one.
    reacted: HashMap<usize, (bool, Vec<Emoji>)>,
    /// The numbers of pinned messages, of conversations in which the batch pins one.
    pins: HashMap<ConversationId, i64>,
    /// The users who pinned the messages that are unpinned.
    pinned_by: HashMap<usize, UserId>,
    /// The members whom the new texts of edits may mention.
    mentioned: MentionedMembers,
}

/// The user whose membership a command changes.
struct Target {
    user: User,
    /// The role, if they are a member.
    role: Option<Role>,
    consent: Consent,
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

    /// Decides a group. Returns one verdict for each command. Consumes the facts of its commands, so that each can be decided once.
    fn decide(&mut self, group: &[usize], batch: &[Command]) -> Vec<Result<Verdict>> {
        let commands: Vec<&Command> = group.iter().map(|index| &batch[*index]).collect();
        let Some(facts) = commands.first().zip(group.first()).and_then(|(first, index)| self.facts(first, *index))
        else {
            return vec![Err(Error::not_found("conversation")); group.len()];
        };
        let others: Vec<Reactor> = group[1..].iter().map(|index| self.reactor(*index)).collect();
        decide_group(&commands, &facts, &others)
    }

    /// Returns the facts of a command. `None` if its conversation does not exist.
    fn facts(&mut self, command: &Command, index: usize) -> Option<Facts> {
        let (_, member_count) = *self.counters.get(&command.conversation_id)?;
        let (kind, name) = self.conversations.get(&command.conversation_id).cloned()?;
        let target = self.targets.remove(&index);
        let (target_role, target_consent) =
            target.as_ref().map(|target| (target.role, target.consent)).unwrap_or_default();
        let Reactor { actor, has_reacted, own_kinds } = self.reactor(index);
        Some(Facts {
            kind,
            name,
            member_count,
            actor,
            target: target.map(|target| target.user),
            target_role,
            target_consent,
            message: self.messages.remove(&index),
            has_reacted,
            own_kinds,
            pins: self.pins.get(&command.conversation_id).copied().unwrap_or_default(),
            pinned_by: self.pinned_by.remove(&index),
            mentioned: self.mentioned.remove(&command.conversation_id).unwrap_or_default(),
        })
    }

    fn reactor(&mut self, index: usize) -> Reactor {
        let (has_reacted, own_kinds) = self.reacted.remove(&index).unwrap_or_default();
        Reactor { actor: self.actors.remove(&index), has_reacted, own_kinds }
    }

    /// Returns the number of the next event in the conversation of a command.
    fn next_seq(&mut self, command: &Command) -> Result<Seq> {
        let counter = self.counters.get_mut(&command.conversation_id);
        let (last_seq, _) = counter.ok_or_else(|| Error::not_found("conversation"))?;
        *last_seq += 1;
        Ok(*last_seq)
    }
}

/// Returns the users whose memberships, contacts and consent a batch reads and changes. They are locked before the facts are loaded, so that
/// a decision sees what other transactions changed of them.
fn users_to_lock(batch: &[Command]) -> Vec<UserId> {
    let users = batch.iter().flat_map(|command| match command.action {
        Action::AddMember { user_id, .. } => vec![user_id, command.actor_id],
        Action::RemoveMember { user_id } => vec![user_id],
        _ => Vec::new(),
    });
    users.collect()
}

/// Begins a transaction, locks the counters and the users, and loads the facts, all in one round trip.
async fn load(
    connection: &PgConnection,
    sql: &'static Statements,
    batch: &[Command],
    groups: &[Vec<usize>],
) -> Result<Loaded> {
    connection.prepare(&[LOCK_USERS, sql.lock, CONVERSATIONS, sql.actors, sql.targets, sql.messages]).await?;
    connection
        .prepare(&[sql.reacted, sql.pin_counts, sql.pinned_by, sql.quotes_of_edited, sql.mentioned_members])
        .await?;
    let conversations: Vec<ConversationId> = batch.iter().map(|command| command.conversation_id).collect();
    let actors: Vec<UserId> = batch.iter().map(|command| command.actor_id).collect();
    let targets: Vec<Option<UserId>> = batch.iter().map(|command| command.action.user_id()).collect();
    let ids: Vec<MessageId> = batch.iter().map(Command::lookup_id).collect();
    // The message of a group is loaded once, with its first command.
    let mut lookup_ids: Vec<Option<MessageId>> = vec![None; batch.len()];
    for first in groups.iter().filter_map(|group| group.first()) {
        lookup_ids[*first] = Some(ids[*first]);
    }
    let emoji: Vec<Option<&str>> = batch.iter().map(|command| command.action.emoji().map(Emoji::as_str)).collect();
    let has_reactions = emoji.iter().any(Option::is_some);
    let mut may_lose_kind = vec![false; batch.len()];
    if has_reactions {
        for group in groups {
            let commands: Vec<&Command> = group.iter().map(|index| &batch[*index]).collect();
            for (index, may_lose) in group.iter().zip(adds_removed_kinds(&commands)) {
                may_lose_kind[*index] = may_lose;
            }
        }
    }
    let with_emoji: Params<'_> = &[&conversations, &ids, &emoji, &actors, &may_lose_kind];
    let has_targets = targets.iter().any(Option::is_some);
    let with_targets: Params<'_> = &[&conversations, &targets, &actors];
    let pins = batch.iter().filter(|command| matches!(command.action, Action::Pin { is_pinned: true, .. }));
    let pins: Vec<ConversationId> = pins.map(|command| command.conversation_id).collect();
    let with_pins: Params<'_> = &[&pins];
    let messages_of = |is_meant: fn(&Action) -> bool| -> Vec<Option<MessageId>> {
        batch.iter().map(|command| command.action.message_id().filter(|_| is_meant(&command.action))).collect()
    };
    let unpinned = messages_of(|action| matches!(action, Action::Pin { is_pinned: false, .. }));
    let has_unpinned = unpinned.iter().any(Option::is_some);
    let with_unpinned: Params<'_> = &[&conversations, &unpinned];
    let edited = messages_of(|action| matches!(action, Action::EditMessage { .. }));
    let has_edits = edited.iter().any(Option::is_some);
    let with_edited: Params<'_> = &[&limits::QUOTE_CHARS_MAX, &conversations, &edited];
    let names: Vec<(ConversationId, MentionedNames)> = batch
        .iter()
        .filter_map(|command| match &command.action {
            Action::EditMessage { content, .. } => {
                Some((command.conversation_id, MentionedNames::of(content.as_str())))
            }
            _ => None,
        })
        .collect();
    let (named_in, usernames) = names_to_look_up(names.iter().map(|(id, names)| (*id, names)));
    let with_names: Params<'_> = &[&named_in, &usernames];
    let to_lock = users_to_lock(batch);
    let lock_users: Params<'_> = &[&to_lock];
    let (
        begun,
        counters,
        locked,
        (pin_counts, pinned_by, quotes, mentioned),
        (conversations, actors, targets, messages, reacted),
    ) = join5(
        connection.begin(),
        connection.send(sql.lock, &[&conversations]),
        OptionFuture::from((!to_lock.is_empty()).then(|| connection.send(LOCK_USERS, lock_users))),
        join4(
            OptionFuture::from((!pins.is_empty()).then(|| Box::pin(connection.send(sql.pin_counts, with_pins)))),
            OptionFuture::from(has_unpinned.then(|| Box::pin(connection.send(sql.pinned_by, with_unpinned)))),
            OptionFuture::from(has_edits.then(|| Box::pin(connection.send(sql.quotes_of_edited, with_edited)))),
            OptionFuture::from(
                (!usernames.is_empty()).then(|| Box::pin(connection.send(sql.mentioned_members, with_names))),
            ),
        ),
        join5(
            connection.send(CONVERSATIONS, &[&conversations]),
            connection.send(sql.actors, &[&conversations, &actors]),
            OptionFuture::from(has_targets.then(|| connection.send(sql.targets, with_targets))),
            connection.send(sql.messages, &[&conversations, &lookup_ids]),
            OptionFuture::from(has_reactions.then(|| Box::pin(connection.send(sql.reacted, with_emoji)))),
        ),
    )
    .await;
    begun?;
    locked.transpose()?;
    let mut loaded = Loaded {
        counters: map(&counters?, |columns| Ok((columns.next()?, (columns.next()?, columns.next()?))))?,
        conversations: map(&conversations?, |columns| {
            let (id, kind) = (columns.next()?, columns.parsed(ConversationKind::parse)?);
            Ok((id, (kind, columns.next::<Option<String>>()?.map(GroupName::from_trusted))))
        })?,
        actors: map(&actors?, |columns| Ok((command_index(columns)?, member(columns)?)))?,
        targets: map(&targets.transpose()?.unwrap_or_default(), |columns| {
            let (index, target) = (command_index(columns)?, user(columns)?);
            let role: Option<&str> = columns.next()?;
            let consent = Consent {
                contact_from: contact_from(columns)?,
                is_blocked: columns.next()?,
                has_left: columns.next()?,
                has_contact: false,
            };
            Ok((index, Target { user: target, role: role.and_then(Role::parse), consent }))
        })?,
        messages: map(&messages?, |columns| Ok((command_index(columns)?, message(columns)?)))?,
        pins: map(&pin_counts.transpose()?.unwrap_or_default(), |columns| Ok((columns.next()?, columns.next()?)))?,
        mentioned: mentioned_members(&mentioned.transpose()?.unwrap_or_default())?,
        pinned_by: map(&pinned_by.transpose()?.unwrap_or_default(), |columns| {
            Ok((command_index(columns)?, columns.next()?))
        })?,
        reacted: map(&reacted.transpose()?.unwrap_or_default(), |columns| {
            let (index, has_reacted) = (command_index(columns)?, columns.next()?);
            let own_kinds: Option<Vec<String>> = columns.next()?;
            Ok((index, (has_reacted, own_kinds.into_iter().flatten().map(Emoji::from_trusted).collect())))
        })?,
    };
    if let Some(rows) = quotes.transpose()? {
        let quotes = read_quotes(&rows);
        loaded.messages.values_mut().for_each(|message| set_quote(message, &quotes));
    }
    loaded.load_contacts(connection, batch).await?;
    Ok(loaded)
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
