//! The bodies of the API's requests. Unknown fields are ignored.

use serde::Deserialize;

use crate::domain::{MessageId, UserId};

/// `POST /v1/users/register`
#[derive(Deserialize)]
pub struct Register {
    /// 2 to 32 of `A-Za-z0-9._-`.
    pub username: String,
    /// What others see; the username if it is not given.
    pub name: Option<String>,
    /// 8 to 256 characters.
    pub password: String,
}

/// `POST /v1/users/login`
#[derive(Deserialize)]
pub struct Login {
    /// In any case.
    pub username: String,
    /// As it was set.
    pub password: String,
}

/// `POST /v1/users/refresh`
#[derive(Deserialize)]
pub struct Refresh {
    /// The newest one.
    pub refresh_token: String,
}

/// `PATCH /v1/users/me`
#[derive(Deserialize)]
pub struct UpdateMe {
    /// A new name.
    pub name: Option<String>,
    /// A new password, which ends the other sessions.
    pub password: Option<String>,
    /// The present password, needed to set a new one.
    pub current_password: Option<String>,
}

/// `POST /v1/conversations`
#[derive(Deserialize)]
pub struct CreateConversation {
    /// `direct` or `group`.
    pub r#type: String,
    /// A group's name.
    pub name: Option<String>,
    /// The others (whoever creates it may be among them).
    pub member_ids: Vec<UserId>,
}

/// `PATCH /v1/conversations/{id}`
#[derive(Deserialize)]
pub struct UpdateConversation {
    /// The new name.
    pub name: String,
}

/// `POST /v1/conversations/{id}/members`
#[derive(Deserialize)]
pub struct AddMember {
    /// Whom.
    pub user_id: UserId,
    /// As what; `member` if it is not given.
    pub role: Option<String>,
}

/// `PATCH /v1/conversations/{id}/members/{user_id}`
#[derive(Deserialize)]
pub struct UpdateMember {
    /// The new role.
    pub role: String,
}

/// `PATCH /v1/conversations/{id}/messages/{message_id}`
#[derive(Deserialize)]
pub struct EditMessage {
    /// The new text.
    pub content: String,
}

/// `POST /v1/conversations/{id}/messages`
#[derive(Deserialize)]
pub struct SendMessage {
    /// The client's choice, which makes retries safe.
    pub id: Option<MessageId>,
    /// The text.
    pub content: String,
    /// `text`, if it is given.
    pub r#type: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}
