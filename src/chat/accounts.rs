//! Operations on accounts, for operators.

use std::collections::HashMap;
use std::sync::Arc;

use super::presence_view::PresenceView;
use super::{Chat, Context};
use crate::auth::Audit;
use crate::domain::account::{Account, AccountChange};
use crate::domain::password::Password;
use crate::domain::quotas::{Quotas, QuotasChange};
use crate::domain::search::Query;
use crate::domain::user::{Name, User, Username};
use crate::domain::{Code, Error, RefusedFields, Result, Timestamp, UserId};
use crate::store::{Store, UserPage, search_users};
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list_with_next;
use crate::wire::objects::AccountObject;
use crate::wire::requests::accounts::{CreateAccount, UpdateAccount};
use crate::wire::requests::users::ListUsers;

/// Lists accounts by username, as users are listed.
pub async fn list(context: Context, input: ListUsers) -> Result<Answer> {
    let ListUsers { q, cursor, limit } = input;
    let (chat, limit, after) = (&context.chat, limit.0, cursor::key(cursor.as_deref())?);
    let query = q.as_deref().map_or(Ok(None), Query::parse)?;
    let reader_id = context.caller()?.user_id;
    let (accounts, next) = search_accounts(&*chat.store, query.as_ref(), after.as_deref(), limit).await?;
    let next = next.as_deref().map(cursor::after_key);
    let presence = chat.presence_for(reader_id, accounts.iter().map(|account| account.user.id)).await?;
    let object = |account| account_object(&presence, account);
    let cursor = |last: &Account| Ok(cursor::after_key(&last.user.username.key()));
    Ok(Answer::encoded(list_with_next(&accounts, next, context.page_bytes, object, cursor)?))
}

/// Searches users as [`search_users`] does. Returns their accounts, and the position of the next page.
pub async fn search_accounts(
    store: &dyn Store,
    query: Option<&Query>,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Account>, Option<String>)> {
    let UserPage { users, next } = search_users(store, query, after, limit).await?;
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let mut accounts: HashMap<UserId, Account> =
        store.accounts(&ids).await?.into_iter().map(|account| (account.user.id, account)).collect();
    Ok((ids.iter().filter_map(|id| accounts.remove(id)).collect(), next))
}

/// Creates an account, whoever may register.
pub async fn create(context: Context, input: CreateAccount) -> Result<Answer> {
    let chat = &context.chat;
    let username = Username::parse_new(&input.username)?;
    let name = Name::parse(input.name.as_deref().unwrap_or(username.as_str()))?;
    let hash = chat.auth.passwords.hash(context.network, Password::new(&input.password, Some(&username))?).await?;
    let user = User { id: UserId::new(), username, name, created_at: Timestamp::now(), last_seen_at: None };
    let account = Account { user, is_admin: input.is_admin, disabled_at: None, quotas: Quotas::DEFAULT };
    chat.store.insert_account(&account, &hash).await?;
    let detail = if account.is_admin { "is_admin: true" } else { "is_admin: false" };
    audit(&context, "account.created", &account, detail)?;
    let presence = chat.presence_for(context.caller()?.user_id, None).await?;
    Answer::created(true, format!("/v1/users/{}", account.user.id), &account_object(&presence, &account))
}

/// Changes an account: its password, role or quotas, or disables or enables it.
///
/// Admins can take neither their own role nor their own access, so that one admin is left. They change their own password as all users do,
/// with the present one, so that a stolen token is not enough.
pub async fn update(context: Context, input: UpdateAccount) -> Result<Answer> {
    let UpdateAccount { user_id, password, is_admin, disabled, quota_conversations, quota_new_a_day } = input;
    let mut refused = RefusedFields::default();
    let conversations = refused.check(QuotasChange::check("quota_conversations", quota_conversations));
    let new_a_day = refused.check(QuotasChange::check("quota_new_a_day", quota_new_a_day));
    refused.none_or_error()?;
    let quotas = QuotasChange { conversations: conversations.flatten(), new_a_day: new_a_day.flatten() };
    if user_id == context.caller()?.user_id {
        if is_admin == Some(false) || disabled == Some(true) {
            return Err(Error::forbidden("Another admin must take the admin role from you or disable you."));
        }
        if password.is_some() {
            return Err(Error::forbidden("Change your own password with the present one, by PATCH /v1/users/me."));
        }
    }
    let chat = &context.chat;
    let password_hash = match password {
        Some(password) => {
            let user = chat.store.user(user_id).await?.ok_or_else(|| Error::not_found("user"))?;
            Some(chat.auth.passwords.hash(context.network, Password::new(&password, Some(&user.username))?).await?)
        }
        None => None,
    };
    let change = AccountChange { password_hash, is_admin, disabled, quotas };
    let detail = change.description();
    let account = chat.change_account(user_id, change).await?.ok_or_else(|| Error::not_found("user"))?;
    audit(&context, "account.changed", &account, &detail)?;
    let presence = chat.presence_for(context.caller()?.user_id, [user_id]).await?;
    Answer::ok(&account_object(&presence, &account))
}

/// Logs an act of an admin.
fn audit(context: &Context, action: &'static str, account: &Account, detail: &str) -> Result<()> {
    let actor = context.caller()?.user_id.to_string();
    let (user_id, username) = (Some(account.user.id), Some(account.user.username.as_str()));
    Audit { action, user_id, username, actor: Some(&actor), detail: Some(detail), ..context.audit() }.log();
    Ok(())
}

fn account_object<'a>(presence: &PresenceView<'_>, account: &'a Account) -> AccountObject<'a> {
    AccountObject::new(account, presence.of(account.user.id))
}

impl Chat {
    /// Changes an account, and closes the sockets of the sessions that the change ends.
    async fn change_account(self: &Arc<Self>, id: UserId, change: AccountChange) -> Result<Option<Account>> {
        self.run_to_completion(async move |chat| {
            let changed = chat.store.change_account(id, &change, Timestamp::now()).await;
            let ended = match &changed {
                Ok(found) => found.iter().flat_map(|(_, ended)| ended.iter().copied()).collect(),
                // If the outcome is unknown, the sockets are closed all the same. Clients whose session is live reconnect.
                Err(error) if error.code == Code::Unavailable && change.ends_sessions() => chat.sessions_here(id, None),
                Err(_) => Vec::new(),
            };
            chat.bus.end_sessions(ended).await;
            Ok(changed?.map(|(account, _)| account))
        })
        .await
    }
}
