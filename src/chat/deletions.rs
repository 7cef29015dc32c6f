//! Deletions of accounts: by the user, by an admin, or in the database beside the servers.
//!
//! The store deletes the user in one transaction. What is left to do is in each group that the user was in: an owner hands over, and the
//! user leaves, with a numbered event each. And what others could add to without end (contacts, blocks, groups that the user left) is deleted in
//! steps. A node does that afterwards, also after a restart, by the departures in the store.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::users::check_password;
use super::{Chat, Context};
use crate::auth::Audit;
use crate::domain::account::{Departure, Tombstone};
use crate::domain::command::{Action, Command, Write};
use crate::domain::conversation::Role;
use crate::domain::{Code, Error, MessageId, Result, Timestamp, UserId};
use crate::limits;
use crate::wire::answer::Answer;
use crate::wire::requests::me::DeleteMe;
use crate::wire::requests::users::GetUser;

/// The position before the first user.
const FIRST: UserId = UserId(Uuid::nil());

/// Deletes the caller's account. It takes the password, so that a stolen token is not enough.
pub async fn delete_me(context: Context, input: DeleteMe) -> Result<Answer> {
    let (chat, caller) = (&context.chat, context.caller()?);
    chat.rate_limits.charge_password_change(context.network, caller.user_id)?;
    check_password(&context, &caller, "password", input.password).await?;
    delete(&context, caller.user_id, None).await
}

/// Deletes a user, for an admin.
pub async fn delete_account(context: Context, input: GetUser) -> Result<Answer> {
    let actor_id = context.caller()?.user_id;
    if input.user_id == actor_id {
        return Err(Error::forbidden("Delete your own account with your password, by DELETE /v1/users/me."));
    }
    delete(&context, input.user_id, Some(&actor_id.to_string())).await
}

async fn delete(context: &Context, id: UserId, actor: Option<&str>) -> Result<Answer> {
    let no_user = || Error::not_found("user");
    let account = context.chat.store.account(id).await?.ok_or_else(no_user)?;
    if !context.chat.delete_user(id).await? {
        return Err(no_user());
    }
    let username = Some(account.user.username.as_str());
    Audit { action: "account.deleted", user_id: Some(id), username, actor, ..context.audit() }.log();
    Ok(Answer::no_content())
}

impl Chat {
    /// Deletes a user, and closes the user's sockets. Returns false if there is no such user.
    async fn delete_user(self: &Arc<Self>, id: UserId) -> Result<bool> {
        self.run_to_completion(async move |chat| {
            let deleted = chat.store.delete_user(id, &Tombstone::new(), Timestamp::now()).await;
            let ended = match &deleted {
                Ok(ended) => ended.clone().unwrap_or_default(),
                // If the outcome is unknown, the sockets are closed all the same. Clients whose session is live reconnect.
                Err(error) if error.code == Code::Unavailable => chat.sessions_here(id, None),
                Err(_) => Vec::new(),
            };
            chat.bus.end_sessions(ended).await;
            Ok(deleted?.is_some())
        })
        .await
    }

    /// Takes deleted users out of their groups, until `stop`. Nodes may do it at once, because each write changes nothing the second time.
    pub(super) async fn run_departures(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(limits::DEPARTURES_POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let departed = async {
                ticks.tick().await;
                self.depart().await
            };
            tokio::select! {
                () = stop.cancelled() => return,
                departed = departed => {
                    if let Err(error) = departed {
                        tracing::warn!(%error, "the node could not look for deleted users who are still in groups; it tries again");
                    }
                }
            }
        }
    }

    async fn depart(&self) -> Result<()> {
        // Those who are out of their groups stay for a while and must not keep the others waiting, so pages follow each other.
        let mut after = (Timestamp(0), FIRST);
        loop {
            let page = self.store.departures(after, limits::DEPARTURES_AT_ONCE_MAX).await?;
            for &(deleted_at, user_id) in &page {
                match self.depart_user(user_id, deleted_at).await {
                    // The others need not wait for one that fails each time.
                    Err(error) if error.code != Code::Unavailable => {
                        tracing::error!(%error, %user_id, "a deleted user cannot be taken out of a group");
                    }
                    departed => departed?,
                }
            }
            match page.last() {
                Some(last) if page.len() >= limits::DEPARTURES_AT_ONCE_MAX => after = *last,
                _ => return Ok(()),
            }
        }
    }

    async fn depart_user(&self, user_id: UserId, deleted_at: Timestamp) -> Result<()> {
        for departure in self.store.departures_of(user_id, limits::DEPARTURES_AT_ONCE_MAX).await? {
            self.leave(user_id, departure).await?;
        }
        let is_swept = self.sweep_user(user_id).await?;
        let before = Timestamp::now().minus(limits::DEPARTURE_AGE);
        if !is_swept || deleted_at > before {
            return Ok(());
        }
        self.store.end_departure(user_id, before).await
    }

    /// Deletes what others have added to a deleted user, in steps, since it can be any number of rows. Returns false if some is left for the next
    /// look at the departures.
    async fn sweep_user(&self, user_id: UserId) -> Result<bool> {
        for _ in 0..limits::DEPARTURE_SWEEPS_MAX {
            if !self.store.sweep_user(user_id, limits::SWEPT_ROWS).await? {
                return Ok(true);
            }
            sleep(limits::SWEEP_PAUSE).await;
        }
        Ok(false)
    }

    /// Hands a group over, if the user owns it, and leaves it. A group without other members is deleted.
    async fn leave(&self, user_id: UserId, departure: Departure) -> Result<()> {
        let Departure { conversation_id, role, successor } = departure;
        let Some(successor) = successor else {
            done(self.store.delete_conversation(conversation_id, user_id).await.map(drop))?;
            self.sweeper.notify_one();
            return Ok(());
        };
        let write = |action| {
            let (id, timestamp) = (MessageId::new(), Timestamp::now());
            self.write(Write::Apply(Command { conversation_id, actor_id: user_id, id, timestamp, action }))
        };
        if role == Role::Owner {
            done(write(Action::SetRole { user_id: successor, role: Role::Owner }).await.map(drop))?;
        }
        done(write(Action::RemoveMember { user_id }).await.map(drop))
    }
}

/// Another node may have done it, or the successor may have left meanwhile. The next look at the departures shows what is left.
fn done(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if matches!(error.code, Code::NotFound | Code::Forbidden) => Ok(()),
        result => result,
    }
}
