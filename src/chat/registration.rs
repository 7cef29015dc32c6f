//! Registration of new accounts.

use std::time::Duration;

use super::{Chat, Context};
use crate::auth::{Audit, invite_code_hash, new_invite_code};
use crate::domain::password::Password;
use crate::domain::registration::{Invite, RegistrationMode};
use crate::domain::user::{Name, User, Username};
use crate::domain::{Code, Error, RefusedFields, Result, Timestamp, UserId};
use crate::limits;
use crate::wire::answer::Answer;
use crate::wire::objects::{InviteObject, SettingsObject, UserObject};
use crate::wire::requests::Nothing;
use crate::wire::requests::accounts::Register;
use crate::wire::requests::invites::CreateInvite;
use crate::wire::requests::settings::UpdateSettings;

/// Creates an account. Without a name, the username is the name. An invitation that is not needed is not used up.
pub async fn register(context: Context, input: Register) -> Result<Answer> {
    let chat = &context.chat;
    let invite = chat.admit_registration(input.invite.as_deref()).await?;
    let mut refused = RefusedFields::default();
    let username = refused.check(Username::parse_new(&input.username));
    let name = input.name.as_deref().or(username.as_ref().map(Username::as_str));
    let name = name.and_then(|name| refused.check(Name::parse(name)));
    let password = refused.check(Password::new(&input.password, username.as_ref()));
    let (Some(username), Some(name), Some(password)) = (username, name, password) else { return Err(refused.into()) };
    let hash = chat.auth.passwords.hash(context.network, password).await?;
    let now = Timestamp::now();
    let user = User { id: UserId::new(), username, name, created_at: now, last_seen_at: None };
    match invite {
        Some(code_hash) => chat.store.insert_invited_user(&user, &hash, &code_hash, now).await?,
        None => chat.store.insert_user(&user, &hash).await?,
    }
    let username = Some(user.username.as_str());
    Audit { action: "user.registered", user_id: Some(user.id), username, ..context.audit() }.log();
    Answer::created(true, format!("/v1/users/{}", user.id), &UserObject::new(&user, Some(chat.status(user.id))))
}

/// Makes an invitation. Its code is in this answer alone.
pub async fn create_invite(context: Context, input: CreateInvite) -> Result<Answer> {
    let lifetime = input.expires_in.map_or(limits::INVITE_TTL, Duration::from_secs);
    let (code, code_hash) = new_invite_code()?;
    let invite = Invite::new(code_hash, input.uses.unwrap_or(1), lifetime, Timestamp::now())?;
    context.chat.store.insert_invite(&invite).await?;
    let (actor, detail) = (context.caller()?.user_id.to_string(), invite.description());
    Audit { action: "invite.created", actor: Some(&actor), detail: Some(&detail), ..context.audit() }.log();
    let object = InviteObject { code: &code, uses: invite.uses, expires_at: invite.expires_at };
    Ok(Answer { status: 201, ..Answer::ok(&object)? })
}

/// Returns the settings that operators change.
pub async fn settings(context: Context, _: Nothing) -> Result<Answer> {
    let chat = &context.chat;
    let stored = chat.store.registration_mode().await?;
    let registration = stored.unwrap_or(chat.settings.registration).as_str();
    Answer::ok(&SettingsObject { registration, registration_is_default: stored.is_none() })
}

/// Changes the settings for all servers of the database, and returns them.
pub async fn update_settings(context: Context, input: UpdateSettings) -> Result<Answer> {
    if let Some(text) = input.registration {
        let known = if text == "default" { Some(None) } else { RegistrationMode::parse(&text).map(Some) };
        let refused = || Error::field("registration", "takes `open`, `invite`, `closed` or `default`");
        context.chat.store.set_registration_mode(known.ok_or_else(refused)?).await?;
        let (actor, detail) = (context.caller()?.user_id.to_string(), format!("registration: {text}"));
        Audit { action: "settings.changed", actor: Some(&actor), detail: Some(&detail), ..context.audit() }.log();
    }
    settings(context, Nothing {}).await
}

impl Chat {
    /// Checks that a caller with this invitation may register. Returns the hash of the invitation's code if registration needs one. The
    /// store checks it in the transaction that creates the account.
    async fn admit_registration(&self, invite: Option<&str>) -> Result<Option<String>> {
        match self.registration_mode().await? {
            RegistrationMode::Open => Ok(None),
            RegistrationMode::Invite => {
                let code =
                    invite.ok_or_else(|| Error::field("invite", "is missing; registration needs an invitation"))?;
                Ok(Some(invite_code_hash(code)))
            }
            RegistrationMode::Closed => {
                Err(Error::new(Code::RegistrationClosed, "Registration is closed. Ask the operator for an account."))
            }
        }
    }

    /// Returns the mode that an operator has set, or else the configured one. Asks the store each time, so that a change takes effect
    /// at once on all nodes. A registration hashes a password, which takes far longer.
    async fn registration_mode(&self) -> Result<RegistrationMode> {
        Ok(self.store.registration_mode().await?.unwrap_or(self.settings.registration))
    }
}
