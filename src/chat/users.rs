//! Operations on users: their profiles and passwords.

use super::presence_view::PresenceView;
use super::user_settings::SettingsChange;
use super::{Chat, Context};
use crate::auth::{Audit, PasswordMatch};
use crate::domain::password::Password;
use crate::domain::search::Query;
use crate::domain::session::Caller;
use crate::domain::user::{Name, User, Username};
use crate::domain::{Code, Error, FieldError, RefusedFields, Result, Timestamp, UserId};
use crate::store::{UserPage, search_users};
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list_with_next;
use crate::wire::objects::{MeObject, UserObject};
use crate::wire::requests::Nothing;
use crate::wire::requests::me::UpdateMe;
use crate::wire::requests::users::{GetUser, ListUsers};

/// Returns the caller.
pub async fn me(context: Context, _: Nothing) -> Result<Answer> {
    let id = context.caller()?.user_id;
    answer_me(&context.chat, id).await
}

/// Returns a user. Every user who is logged in may see all users.
pub async fn get(context: Context, input: GetUser) -> Result<Answer> {
    answer(&context, input.user_id).await
}

async fn answer(context: &Context, id: UserId) -> Result<Answer> {
    let chat = &context.chat;
    let user = chat.store.user(id).await?.ok_or_else(|| Error::not_found("user"))?;
    let presence = chat.presence_for(context.caller()?.user_id, [id]).await?;
    Answer::ok(&user_object(&presence, &user))
}

async fn answer_me(chat: &Chat, id: UserId) -> Result<Answer> {
    let no_user = || Error::not_found("user");
    let user = chat.store.user(id).await?.ok_or_else(no_user)?;
    let settings = chat.store.settings(id).await?.ok_or_else(no_user)?;
    Answer::ok(&MeObject::new(&user, chat.status(id), settings))
}

/// Lists users by username. With `q` only those whose name and username have all its words.
pub async fn list(context: Context, input: ListUsers) -> Result<Answer> {
    let ListUsers { q, cursor, limit } = input;
    let (chat, limit, after) = (&context.chat, limit.0, cursor::key(cursor.as_deref())?);
    let query = q.as_deref().map_or(Ok(None), Query::parse)?;
    let reader_id = context.caller()?.user_id;
    let UserPage { users, next } = search_users(&*chat.store, query.as_ref(), after.as_deref(), limit).await?;
    let next = next.as_deref().map(cursor::after_key);
    let presence = chat.presence_for(reader_id, users.iter().map(|user| user.id)).await?;
    let object = |user| user_object(&presence, user);
    let cursor = |last: &User| Ok(cursor::after_key(&last.username.key()));
    Ok(Answer::encoded(list_with_next(&users, next, context.page_bytes, object, cursor)?))
}

fn user_object<'a>(presence: &PresenceView<'_>, user: &'a User) -> UserObject<'a> {
    UserObject::new(user, presence.of(user.id))
}

/// Changes the caller's name, password or settings. A new password ends the caller's other sessions.
pub async fn update_me(context: Context, input: UpdateMe) -> Result<Answer> {
    let (chat, caller) = (&context.chat, context.caller()?);
    let mut refused = RefusedFields::default();
    let name = refused.check(input.name.as_deref().map(Name::parse).transpose());
    let username = match input.password {
        Some(_) => chat.store.user(caller.user_id).await?.map(|user| user.username),
        None => None,
    };
    let new_password = |text| Password::new(text, username.as_ref());
    let password = refused.check(input.password.as_deref().map(new_password).transpose());
    let current = match (&input.password, input.current_password) {
        (Some(_), None) => Err(FieldError::new("current_password", "is missing")),
        (_, current) => Ok(current.unwrap_or_default()),
    };
    let current = refused.check(current);
    let settings = SettingsChange::parse(input.settings.unwrap_or_default(), &mut refused);
    let (Some(name), Some(password), Some(current), Some(settings)) = (name, password, current, settings) else {
        return Err(refused.into());
    };
    if let Some(password) = password {
        chat.rate_limits.charge_password_change(context.network, caller.user_id)?;
        let changed = change_password(&context, &caller, password, current).await;
        let action = if changed.is_ok() { "password.changed" } else { "password.change_failed" };
        let (user_id, username) = (Some(caller.user_id), username.as_ref().map(Username::as_str));
        let detail = changed.as_ref().err().map(|error| error.code.as_str());
        Audit { action, user_id, username, detail, ..context.audit() }.log();
        changed?;
    }
    if let Some(name) = name {
        chat.store.rename_user(caller.user_id, &name).await?;
    }
    chat.change_settings(caller.user_id, settings).await?;
    answer_me(chat, caller.user_id).await
}

/// Fails with `field` if this is not the caller's password. Returns its hash.
pub(super) async fn check_password(
    context: &Context,
    caller: &Caller,
    field: &'static str,
    password: String,
) -> Result<String> {
    let chat = &context.chat;
    let hash = chat.store.password_hash(caller.user_id).await?;
    match (chat.auth.passwords.verify(context.network, password, hash.clone()).await?, hash) {
        (PasswordMatch::Normalized | PasswordMatch::Unnormalized, Some(hash)) => Ok(hash),
        _ => Err(Error::field(field, "is not your current password")),
    }
}

async fn change_password(context: &Context, caller: &Caller, password: Password, current: String) -> Result<()> {
    let chat = &context.chat;
    let old_hash = check_password(context, caller, "current_password", current).await?;
    let (hash, caller) = (chat.auth.passwords.hash(context.network, password).await?, *caller);
    chat.run_to_completion(async move |chat| {
        // An operator may have set another password meanwhile, which stays.
        let (user_id, keep) = (caller.user_id, caller.session_id);
        let changed = chat.store.change_password(user_id, &old_hash, &hash, keep, Timestamp::now()).await;
        let ended = match &changed {
            Ok(ended) => ended.clone(),
            // If the outcome is unknown, the sockets are closed all the same. Clients whose session is live reconnect.
            Err(error) if error.code == Code::Unavailable => {
                chat.sessions_here(caller.user_id, Some(caller.session_id))
            }
            Err(_) => Vec::new(),
        };
        chat.bus.end_sessions(ended).await;
        changed.map(drop)
    })
    .await
}
