//! Inserts a scenario's accounts and conversations into the store.
//!
//! A registration over HTTP would cost a password hash for each account, which is not part of any measurement.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::environment::Room;
use super::population::Population;
use super::progress::Progress;
use crate::auth::Tokens;
use crate::domain::command::NewMessage;
use crate::domain::conversation::{ConversationKind, GroupName, NewConversation};
use crate::domain::message::Content;
use crate::domain::session::Session;
use crate::domain::user::{Name, User, Username};
use crate::domain::{ConversationId, MessageId, Result, Timestamp, UserId};
use crate::store::{self, Store};

/// How long tokens and sessions live: longer than any measurement.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);
/// Users, or conversations, inserted at the same time.
const INSERTS_CONCURRENT: usize = 16;
/// Messages inserted in one commit: enough that the set-up does not wait for the disk, few enough for a statement's time-out.
const HISTORY_BATCH: usize = 4_096;

/// Opens and migrates the store, and inserts the population.
pub(super) async fn setup_store(url: &str, secret: &str, population: &Population) -> Result<Vec<Room>> {
    let store = store::open(url).await?;
    let users = insert_users(store.as_ref(), secret, population.users).await?;
    let mut progress = Progress::new("conversations", population.rooms.len());
    let mut inserting = stream::iter(&population.rooms)
        .map(|members| insert_room(store.as_ref(), &users, members))
        .buffered(INSERTS_CONCURRENT);
    let mut rooms = Vec::with_capacity(population.rooms.len());
    while let Some(room) = inserting.try_next().await? {
        rooms.push(room);
        progress.update(rooms.len());
    }
    drop(inserting);
    if let (Some(room), Some((sender_id, _))) = (rooms.first(), users.first()) {
        insert_history(store.as_ref(), room.id, *sender_id, population.messages).await?;
    }
    Ok(rooms)
}

/// Inserts the messages that the history scenario reads.
async fn insert_history(
    store: &dyn Store,
    conversation_id: ConversationId,
    sender_id: UserId,
    count: usize,
) -> Result<()> {
    let content = Content::parse("abcdefghijklmnop".repeat(4))?;
    let mut progress = Progress::new("messages", count);
    for first in (0..count).step_by(HISTORY_BATCH) {
        let batch: Vec<NewMessage> = (first..count.min(first + HISTORY_BATCH))
            .map(|_| NewMessage {
                conversation_id,
                id: MessageId::new(),
                sender_id,
                content: content.clone(),
                reply_to: None,
                timestamp: Timestamp::now(),
            })
            .collect();
        for outcome in store.commit(0, batch.into()).await? {
            outcome?;
        }
        progress.update(first);
    }
    Ok(())
}

/// Inserts users, each with a session. Returns their ids and access tokens.
async fn insert_users(store: &dyn Store, secret: &str, count: usize) -> Result<Vec<(UserId, String)>> {
    let tokens = Tokens::new(secret.as_bytes(), TOKEN_TTL);
    let mut progress = Progress::new("accounts", count);
    // Usernames differ from run to run, because a database may be used again.
    let run = UserId::new().0.simple().to_string();
    let names = (0..count).map(|number| format!("{}-{number}", &run[..24]));
    let mut inserting = stream::iter(names).map(|name| insert_user(store, &tokens, name)).buffered(INSERTS_CONCURRENT);
    let mut users = Vec::with_capacity(count);
    while let Some(user) = inserting.try_next().await? {
        users.push(user);
        progress.update(users.len());
    }
    Ok(users)
}

async fn insert_user(store: &dyn Store, tokens: &Tokens, name: String) -> Result<(UserId, String)> {
    let now = Timestamp::now();
    let user = User {
        id: UserId::new(),
        username: Username::parse(&name)?,
        name: Name::parse(&name)?,
        created_at: now,
        last_seen_at: None,
    };
    store.insert_user(&user, "no password").await?;
    let session = Session::new(user.id, now, now.plus(TOKEN_TTL));
    store.insert_session(&session).await?;
    Ok((user.id, tokens.access(user.id, session.id, now)?))
}

async fn insert_room(store: &dyn Store, users: &[(UserId, String)], members: &[usize]) -> Result<Room> {
    let (ids, tokens): (Vec<UserId>, Vec<String>) = members.iter().map(|&member| users[member].clone()).unzip();
    let conversation = NewConversation {
        id: ConversationId::new(),
        kind: ConversationKind::Group,
        name: Some(GroupName::parse("Bench")?),
        creator_id: ids.first().copied().unwrap_or_default(),
        created_at: Timestamp::now(),
        other_ids: ids.into_iter().skip(1).collect(),
        has_quotas: false,
    };
    store.create_conversation(&conversation).await?;
    Ok(Room { id: conversation.id, tokens })
}
