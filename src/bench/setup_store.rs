//! Accounts and conversations for a scenario, put straight into the store: a registration costs a password's hash, which is not
//! what is measured.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::environment::Room;
use super::progress::Progress;
use crate::chat::Tokens;
use crate::domain::command::Send;
use crate::domain::conversation::{Kind, NewConversation, Title};
use crate::domain::message::Content;
use crate::domain::session::Session;
use crate::domain::user::{Name, User, Username};
use crate::domain::{ConversationId, MessageId, Result, SessionId, Timestamp, UserId};
use crate::store::{self, Store};

/// How long the tokens live: longer than any bench lasts.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Rows that are written at a time; the store orders them as it can.
const AT_ONCE: usize = 16;
/// Messages of one commit: enough that the disk is not what the preparation waits for, and well within a statement's time-out.
const FILLED_AT_ONCE: usize = 4_096;

/// Who is in which room: users are numbered from 0, each room has some of them, its owner first.
pub(super) struct Cast {
    pub(super) users: usize,
    pub(super) rooms: Vec<Vec<usize>>,
    /// Messages in the first room; its first member wrote them.
    pub(super) messages: usize,
}

impl Cast {
    /// These rooms, and nothing was said in them.
    pub(super) fn new(users: usize, rooms: Vec<Vec<usize>>) -> Self {
        Self { users, rooms, messages: 0 }
    }

    /// Conversations of two, each with users of its own.
    pub(super) fn pairs(conversations: usize) -> Self {
        Self::new(2 * conversations, (0..conversations).map(|number| vec![2 * number, 2 * number + 1]).collect())
    }
}

/// Opens the store, migrates it and puts the cast into it.
pub(super) async fn prepare(url: &str, secret: &str, cast: &Cast) -> Result<Vec<Room>> {
    let store = store::open(url).await?;
    let people = people(store.as_ref(), secret, cast.users).await?;
    let mut progress = Progress::new("conversations", cast.rooms.len());
    let mut making = stream::iter(&cast.rooms).map(|members| room(store.as_ref(), &people, members)).buffered(AT_ONCE);
    let mut rooms = Vec::with_capacity(cast.rooms.len());
    while let Some(room) = making.try_next().await? {
        rooms.push(room);
        progress.done(rooms.len());
    }
    drop(making);
    if let (Some(room), Some((sender_id, _))) = (rooms.first(), people.first()) {
        fill(store.as_ref(), room.id, *sender_id, cast.messages).await?;
    }
    Ok(rooms)
}

/// So many messages, in batches: the history that pages are read from.
async fn fill(store: &dyn Store, conversation_id: ConversationId, sender_id: UserId, count: usize) -> Result<()> {
    let content = Content::parse("abcdefghijklmnop".repeat(4))?;
    let mut progress = Progress::new("messages", count);
    for first in (0..count).step_by(FILLED_AT_ONCE) {
        let batch: Vec<Send> = (first..count.min(first + FILLED_AT_ONCE))
            .map(|_| Send {
                conversation_id,
                id: MessageId::new(),
                sender_id,
                content: content.clone(),
                reply_to: None,
                timestamp: Timestamp::now(),
            })
            .collect();
        for outcome in store.commit(0, &batch).await? {
            outcome?;
        }
        progress.done(first);
    }
    Ok(())
}

/// So many users, each with a session and its token.
async fn people(store: &dyn Store, secret: &str, count: usize) -> Result<Vec<(UserId, String)>> {
    let tokens = Tokens::new(secret.as_bytes(), DAY);
    let mut progress = Progress::new("accounts", count);
    // A database may be used more than once.
    let run = UserId::new().0.simple().to_string();
    let names = (0..count).map(|number| format!("{}-{number}", &run[..24]));
    let mut making = stream::iter(names).map(|name| person(store, &tokens, name)).buffered(AT_ONCE);
    let mut people = Vec::with_capacity(count);
    while let Some(person) = making.try_next().await? {
        people.push(person);
        progress.done(people.len());
    }
    Ok(people)
}

async fn person(store: &dyn Store, tokens: &Tokens, name: String) -> Result<(UserId, String)> {
    let now = Timestamp::now();
    let user = User {
        id: UserId::new(),
        username: Username::parse(&name)?,
        name: Name::parse(&name)?,
        created_at: now,
        last_seen_at: None,
    };
    store.insert_user(&user, "no password").await?;
    let session = Session {
        id: SessionId::new(),
        user_id: user.id,
        generation: 0,
        created_at: now,
        rotated_at: now,
        expires_at: now.plus(DAY),
        ended_at: None,
    };
    store.insert_session(&session).await?;
    Ok((user.id, tokens.access(user.id, session.id, now)?))
}

async fn room(store: &dyn Store, people: &[(UserId, String)], members: &[usize]) -> Result<Room> {
    let (ids, tokens): (Vec<UserId>, Vec<String>) = members.iter().map(|&member| people[member].clone()).unzip();
    let conversation = NewConversation {
        id: ConversationId::new(),
        kind: Kind::Group,
        name: Some(Title::parse("Bench")?),
        creator_id: ids.first().copied().unwrap_or_default(),
        created_at: Timestamp::now(),
        other_ids: ids.into_iter().skip(1).collect(),
    };
    store.create_conversation(&conversation).await?;
    Ok(Room { id: conversation.id, tokens })
}
