//! The writes of a batch of commands: one statement for each kind of row. Its parameters are arrays with one element for each row.

use std::mem;

use futures_util::future::{join, join_all};
use tokio_postgres::types::ToSql;

use super::connection::PgConnection;
use super::contacts::{INSERT_NEW_CONTACTS, new_contacts};
use super::user_conversations::{DELETE_MEMBERSHIPS, INSERT_MEMBERSHIPS};
use super::user_states::RAISE_MEMBERSHIP_VERSIONS;
use crate::domain::command::Command;
use crate::domain::event::{Event, Payload};
use crate::domain::message::{Message, SystemNote};
use crate::domain::rules::{Decision, RowWrite};
use crate::domain::{ConversationId, MessageId, Result, Seq, Timestamp, UserId};

/// The form of a statement for rows of one conversation, which it names by a value, so that Citus sends it to one shard: the same statement, if
/// it changes no rows of a conversation, or inserts them; with a condition on the table that it changes (`of`); or another one (`or`).
macro_rules! of_one {
    ($sql:literal) => {
        $sql
    };
    ($sql:literal of $table:literal) => {
        concat!($sql, " AND ", $table, ".conversation_id = ($1::uuid[])[1]")
    };
    ($sql:literal or $other:tt) => {
        $other
    };
}

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident { $($column:ident: $type:ty),+ $(,)? } $sql:literal $($of_one:ident $more:tt)?;)+) => {
        /// The rows that a batch writes, by statement, in the order in which the statements run.
        #[derive(Default)]
        pub(super) struct Writes {
            $($name: $name,)+
        }

        $(
            $(#[$doc])*
            #[derive(Default)]
            #[expect(non_camel_case_types, reason = "the field with these rows has the same name")]
            struct $name { $($column: Vec<$type>,)+ }

            impl $name {
                const SQL: &'static str = $sql;
                const SQL_OF_ONE: &'static str = of_one!($sql $($of_one $more)?);

                #[allow(clippy::too_many_arguments, reason = "there is one for each column")]
                fn push(&mut self, $($column: $type),+) {
                    $(self.$column.push($column);)+
                }

                /// Returns the statement and its parameters, if it has rows.
                fn statement(self, is_of_one: bool) -> Option<Statement> {
                    let first = [$(self.$column.len()),+][0];
                    let sql = if is_of_one { Self::SQL_OF_ONE } else { Self::SQL };
                    (first > 0).then(|| (sql, vec![$(Box::new(self.$column) as Value),+]))
                }
            }
        )+

        impl Writes {
            fn statements(self, is_of_one: bool) -> impl Iterator<Item = Statement> {
                [$(self.$name.statement(is_of_one)),+].into_iter().flatten()
            }
        }
    };
}

type Value = Box<dyn ToSql + Sync + Send>;
type Statement = (&'static str, Vec<Value>);

statements! {
    insert_members { conversations: ConversationId, users: UserId, roles: &'static str, joined_at: Timestamp, seqs: Seq }
        "INSERT INTO members (conversation_id, user_id, role, joined_at, joined_seq, delivered_seq, read_seq) \
         SELECT conversation_id, user_id, role, joined_at, seq, seq, seq \
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[]) \
             AS w (conversation_id, user_id, role, joined_at, seq)";
    /// Neither is a deleted user, who may still be a member. In one order for all transactions, because an insert waits for one of the same row.
    insert_contacts { users: UserId, contacts: UserId }
        "INSERT INTO contacts (user_id, contact_id) SELECT w.user_id, w.contact_id \
         FROM unnest($1::uuid[], $2::uuid[]) AS w (user_id, contact_id) \
         JOIN users adder ON adder.id = w.user_id AND adder.deleted_at IS NULL \
         JOIN users added ON added.id = w.contact_id AND added.deleted_at IS NULL \
         ORDER BY w.user_id, w.contact_id ON CONFLICT DO NOTHING"
        or INSERT_NEW_CONTACTS;
    insert_leavers { conversations: ConversationId, users: UserId }
        "INSERT INTO leavers (conversation_id, user_id) SELECT w.conversation_id, w.user_id \
         FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
         JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL ON CONFLICT DO NOTHING";
    delete_leavers { conversations: ConversationId, users: UserId }
        "DELETE FROM leavers l USING unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
         WHERE l.conversation_id = w.conversation_id AND l.user_id = w.user_id" of "l";
    delete_members { conversations: ConversationId, users: UserId }
        "DELETE FROM members mb USING unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
         WHERE mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id" of "mb";
    set_roles { conversations: ConversationId, users: UserId, roles: &'static str }
        "UPDATE members mb SET role = w.role FROM unnest($1::uuid[], $2::uuid[], $3::text[]) \
             AS w (conversation_id, user_id, role) \
         WHERE mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id" of "mb";
    set_names { conversations: ConversationId, names: String }
        "UPDATE conversations c SET name = w.name FROM unnest($1::uuid[], $2::text[]) AS w (id, name) WHERE c.id = w.id";
    update_messages {
        conversations: ConversationId, seqs: Seq, contents: String,
        edited_at: Option<Timestamp>, deleted_at: Option<Timestamp>, extras: Option<String>, reactions: Option<String>,
        mentions: Option<String>,
    }
        "UPDATE messages m SET content = w.content, edited_at = w.edited_at, deleted_at = w.deleted_at, extra = w.extra, \
             reactions = w.reactions, mentions = w.mentions \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[]) \
             AS w (conversation_id, seq, content, edited_at, deleted_at, extra, reactions, mentions) \
         WHERE m.conversation_id = w.conversation_id AND m.seq = w.seq" of "m";
    insert_reactions { conversations: ConversationId, message_seqs: Seq, emoji: String, users: UserId }
        "INSERT INTO reactions (conversation_id, message_seq, emoji, user_id) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[])";
    delete_reactions { conversations: ConversationId, message_seqs: Seq, emoji: String, users: UserId }
        "DELETE FROM reactions r USING unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[]) \
             AS w (conversation_id, message_seq, emoji, user_id) \
         WHERE r.conversation_id = w.conversation_id AND r.message_seq = w.message_seq AND r.emoji = w.emoji AND r.user_id = w.user_id" of "r";
    /// By the places of the rows, because a join compares each of them with each row as long as PostgreSQL has no statistics of the table.
    delete_reactions_with { conversations: ConversationId, message_seqs: Seq, emoji: String }
        "DELETE FROM reactions WHERE ctid = ANY(ARRAY(SELECT r.ctid \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS w (conversation_id, message_seq, emoji) \
         CROSS JOIN LATERAL (SELECT ctid FROM reactions r WHERE r.conversation_id = w.conversation_id \
             AND r.message_seq = w.message_seq AND r.emoji = w.emoji OFFSET 0) r))"
        or "DELETE FROM reactions WHERE conversation_id = ($1::uuid[])[1] AND message_seq = ANY($2) AND emoji = ANY($3)";
    set_reactions { conversations: ConversationId, message_seqs: Seq, reactions: Option<String> }
        "UPDATE messages m SET reactions = w.reactions \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS w (conversation_id, seq, reactions) \
         WHERE m.conversation_id = w.conversation_id AND m.seq = w.seq" of "m";
    insert_pins { conversations: ConversationId, message_seqs: Seq, users: UserId, pinned_at: Timestamp }
        "INSERT INTO pins (conversation_id, message_seq, user_id, pinned_at) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[])";
    delete_pins { conversations: ConversationId, message_seqs: Seq }
        "DELETE FROM pins p USING unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) \
         WHERE p.conversation_id = w.conversation_id AND p.message_seq = w.message_seq" of "p";
    set_pinned { conversations: ConversationId, message_seqs: Seq, pinned_at: Option<Timestamp> }
        "UPDATE messages m SET pinned_at = w.pinned_at \
         FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS w (conversation_id, seq, pinned_at) \
         WHERE m.conversation_id = w.conversation_id AND m.seq = w.seq" of "m";
    delete_mentions { conversations: ConversationId, users: UserId, message_seqs: Seq }
        "DELETE FROM mentions x USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS w (conversation_id, user_id, message_seq) \
         WHERE x.conversation_id = w.conversation_id AND x.user_id = w.user_id AND x.message_seq = w.message_seq" of "x";
    delete_mentions_of_all { conversations: ConversationId, message_seqs: Seq }
        "DELETE FROM mentions_of_all a USING unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) \
         WHERE a.conversation_id = w.conversation_id AND a.message_seq = w.message_seq" of "a";
    insert_unswept { conversations: ConversationId, message_seqs: Seq }
        "INSERT INTO unswept_reactions (conversation_id, message_seq) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[]) ON CONFLICT DO NOTHING";
    insert_removals { conversations: ConversationId, messages: MessageId, removed_at: Timestamp }
        "INSERT INTO removals (conversation_id, message_id, removed_at) \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) ON CONFLICT DO NOTHING";
    insert_messages {
        conversations: ConversationId, seqs: Seq, ids: MessageId, senders: UserId, contents: String, timestamps: Timestamp,
        note_kinds: Option<String>, note_users: Option<UserId>, note_values: Option<String>,
    }
        "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp, note_kind, note_user_id, note_value) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], \
             $8::uuid[], $9::text[])";
    insert_changes {
        conversations: ConversationId, seqs: Seq, kinds: String, message_seqs: Option<Seq>, payloads: Option<String>,
    }
        "INSERT INTO changes (conversation_id, seq, kind, message_seq, payload) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[])";
    /// An `active_at` of NULL leaves the conversation's time of latest activity as it is.
    advance_counters { conversations: ConversationId, seqs: Seq, growths: i64, active_at: Option<Timestamp> }
        "UPDATE counters k SET last_seq = w.seq, member_count = k.member_count + w.growth, \
             active_at = greatest(k.active_at, w.active_at) \
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS w (conversation_id, seq, growth, active_at) \
         WHERE k.conversation_id = w.conversation_id" of "k";
    advance_receipts { conversations: ConversationId, users: UserId, seqs: Seq }
        "UPDATE members mb SET delivered_seq = greatest(mb.delivered_seq, w.seq), read_seq = greatest(mb.read_seq, w.seq), \
             unread_from_seq = NULL \
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS w (conversation_id, user_id, seq) \
         WHERE mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id" of "mb";
    /// Last, because Citus changes no copied table behind rows of several users.
    raise_versions { users: UserId }
        "UPDATE users u SET membership_version = membership_version + w.times \
         FROM (SELECT id, count(*) AS times FROM unnest($1::uuid[]) AS w (id) GROUP BY id) w WHERE u.id = w.id"
        or RAISE_MEMBERSHIP_VERSIONS;
}

impl Writes {
    /// Returns true if there are no rows to write.
    pub(super) fn is_empty(&self) -> bool {
        self.advance_counters.conversations.is_empty()
    }

    /// Adds the rows of a decision and its event.
    pub(super) fn add(&mut self, command: &Command, seq: Seq, decision: &Decision, event: &Event) {
        let id = command.conversation_id;
        for row in &decision.writes {
            self.add_row(command, seq, row);
            if let Some(user_id) = row.joined_or_left() {
                self.raise_versions.push(user_id);
            }
        }
        let text = |text: &str| text.to_owned();
        let mut active_at = None;
        if let Some(message) = event.message.as_ref().filter(|_| event.is_message()) {
            active_at = Some(command.timestamp);
            let note = message.note.as_ref();
            self.insert_messages.push(
                id,
                seq,
                message.id,
                message.sender_id,
                text(&message.content),
                message.timestamp,
                note.map(|note| text(note.kind().as_str())),
                note.and_then(SystemNote::user_id),
                note.and_then(SystemNote::value).map(text),
            );
            self.advance_receipts.push(id, command.actor_id, seq);
        } else {
            let message_seq = event.message.as_ref().map(|message| message.seq);
            let payload = event.payload.as_ref().map(Payload::as_str).map(text);
            self.insert_changes.push(id, seq, text(event.kind.as_str()), message_seq, payload);
        }
        let counters = &mut self.advance_counters;
        match (counters.conversations.last(), counters.seqs.last_mut()) {
            // The groups of one conversation follow one another. Only reactions, which change nothing else of a counter, share a batch.
            (Some(last), Some(last_seq)) if *last == id => *last_seq = seq,
            _ => counters.push(id, seq, decision.growth(), active_at),
        }
    }

    fn add_row(&mut self, command: &Command, seq: Seq, row: &RowWrite) {
        let id = command.conversation_id;
        match row {
            RowWrite::InsertMember(user_id, role) => {
                self.insert_members.push(id, *user_id, role.as_str(), command.timestamp, seq);
            }
            RowWrite::InsertContact(user_id) => self.insert_contacts.push(command.actor_id, *user_id),
            RowWrite::InsertLeaver(user_id) => self.insert_leavers.push(id, *user_id),
            RowWrite::DeleteLeaver(user_id) => self.delete_leavers.push(id, *user_id),
            RowWrite::DeleteMember(user_id) => self.delete_members.push(id, *user_id),
            RowWrite::SetRole(user_id, role) => self.set_roles.push(id, *user_id, role.as_str()),
            RowWrite::SetName(name) => self.set_names.push(id, name.as_str().to_owned()),
            RowWrite::UpdateMessage(message) => {
                let extra = message.extra.as_ref().map(|extra| extra.as_str().to_owned());
                let Message { seq, content, edited_at, deleted_at, reactions, mentions, .. } = &**message;
                let (content, reactions, mentions) = (content.clone(), reactions.stored(), mentions.stored());
                self.update_messages.push(id, *seq, content, *edited_at, *deleted_at, extra, reactions, mentions);
            }
            RowWrite::InsertReaction(message_seq, user_id, emoji) => {
                self.insert_reactions.push(id, *message_seq, emoji.to_string(), *user_id);
            }
            RowWrite::DeleteReaction(message_seq, user_id, emoji) => {
                self.delete_reactions.push(id, *message_seq, emoji.to_string(), *user_id);
            }
            RowWrite::DeleteReactionsWith(message_seq, emoji) => {
                self.delete_reactions_with.push(id, *message_seq, emoji.to_string());
            }
            RowWrite::SetReactions(message_seq, reactions) => {
                self.set_reactions.push(id, *message_seq, reactions.stored());
            }
            RowWrite::Pin(message_seq) => {
                self.insert_pins.push(id, *message_seq, command.actor_id, command.timestamp);
                self.set_pinned.push(id, *message_seq, Some(command.timestamp));
            }
            RowWrite::Unpin(message_seq) => {
                self.delete_pins.push(id, *message_seq);
                self.set_pinned.push(id, *message_seq, None);
            }
            RowWrite::DeleteMentions(message_seq, mentions) => {
                for user_id in &mentions.user_ids {
                    self.delete_mentions.push(id, *user_id, *message_seq);
                }
                if mentions.all {
                    self.delete_mentions_of_all.push(id, *message_seq);
                }
            }
            RowWrite::SweepReactions(message_seq) => self.insert_unswept.push(id, *message_seq),
            RowWrite::InsertRemoval(message_id) => self.insert_removals.push(id, *message_id, command.timestamp),
        }
    }

    /// Returns the statements that keep the conversations of users, where they have a table of their own. All rows are of one conversation.
    fn memberships(&self) -> Vec<Statement> {
        let (joined, left) = (&self.insert_members, &self.delete_members);
        let mut statements: Vec<Statement> = Vec::new();
        if !joined.users.is_empty() {
            let (users, conversations) = (Box::new(joined.users.clone()), Box::new(joined.conversations.clone()));
            statements.push((INSERT_MEMBERSHIPS, vec![users as Value, conversations as Value]));
        }
        if let Some(id) = left.conversations.first() {
            let users = Box::new(left.users.clone());
            statements.push((DELETE_MEMBERSHIPS, vec![users as Value, Box::new(*id) as Value]));
        }
        statements
    }

    /// Writes all rows and commits, in one round trip. `is_of_one`: all rows are of one conversation, and the database is distributed. Then contacts take
    /// one more.
    pub(super) async fn commit(mut self, connection: &PgConnection, is_of_one: bool) -> Result<()> {
        let contacts = &mut self.insert_contacts;
        if is_of_one && !contacts.users.is_empty() {
            (contacts.users, contacts.contacts) = new_contacts(connection, &contacts.users, &contacts.contacts).await?;
        }
        let memberships = if is_of_one { self.memberships() } else { Vec::new() };
        let statements: Vec<Statement> = mem::take(&mut self).statements(is_of_one).chain(memberships).collect();
        for (sql, _) in &statements {
            connection.prepare(&[sql]).await?;
        }
        let requests = statements.iter().map(async |(sql, values)| {
            let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            connection.send_count(sql, &params).await
        });
        let (written, committed) = join(join_all(requests), connection.commit()).await;
        // The statements' results first: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
        for result in written {
            result?;
        }
        committed
    }
}
