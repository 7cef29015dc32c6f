//! Changes of the settings that users choose for themselves.

use std::sync::Arc;

use super::Chat;
use crate::bus::{Audience, Envelope};
use crate::domain::notifications::time;
use crate::domain::user::ContactFrom;
use crate::domain::{FieldError, RefusedFields, Result, Timestamp, UserId};
use crate::wire::frames;
use crate::wire::requests::Nullable;
use crate::wire::requests::me::UpdateMySettings;

/// The settings that a call changes.
#[derive(Default, PartialEq)]
pub(super) struct SettingsChange {
    contact_from: Option<ContactFrom>,
    send_receipts: Option<bool>,
    show_last_seen: Option<bool>,
    do_not_disturb_until: Nullable<Timestamp>,
}

impl SettingsChange {
    /// Checks the settings of a call. Returns `None` and notes the fields that are refused, if there are any.
    pub(super) fn parse(input: UpdateMySettings, refused: &mut RefusedFields) -> Option<Self> {
        let UpdateMySettings { contact_from, send_receipts, show_last_seen, do_not_disturb_until } = input;
        let contact_from = refused.check(contact_from.as_deref().map(parse_contact_from).transpose());
        let do_not_disturb_until = refused.check(parse_until(do_not_disturb_until));
        let (contact_from, do_not_disturb_until) = (contact_from?, do_not_disturb_until?);
        Some(Self { contact_from, send_receipts, show_last_seen, do_not_disturb_until })
    }
}

fn parse_until(until: Nullable<String>) -> Result<Nullable<Timestamp>, FieldError> {
    let Nullable::Given(until) = until else { return Ok(Nullable::Missing) };
    until.as_deref().map(|text| time("settings.do_not_disturb_until", text)).transpose().map(Nullable::Given)
}

fn parse_contact_from(text: &str) -> Result<ContactFrom, FieldError> {
    let refused = || FieldError::new("settings.contact_from", "takes `everyone`, `contacts` or `nobody`");
    ContactFrom::parse(text).ok_or_else(refused)
}

impl Chat {
    /// Changes settings of a user, and informs the user's devices.
    pub(super) async fn change_settings(self: &Arc<Self>, user_id: UserId, change: SettingsChange) -> Result<()> {
        if change == SettingsChange::default() {
            return Ok(());
        }
        let SettingsChange { contact_from, send_receipts, show_last_seen, do_not_disturb_until } = change;
        self.run_to_completion(async move |chat| {
            if let Some(contact_from) = contact_from {
                chat.store.set_contact_from(user_id, contact_from).await?;
            }
            if let Some(send_receipts) = send_receipts {
                chat.store.set_send_receipts(user_id, send_receipts).await?;
                // The nodes send those of others to the user's connections, or send them no more.
                chat.bus.publish(Envelope::ReceiptsSwitched { user_id, send_receipts });
            }
            if let Some(show_last_seen) = show_last_seen {
                chat.store.set_show_last_seen(user_id, show_last_seen).await?;
            }
            if let Nullable::Given(until) = do_not_disturb_until {
                chat.store.set_do_not_disturb(user_id, until).await?;
            }
            if let Some(settings) = chat.store.settings(user_id).await? {
                let audience = Audience::Users { user_ids: vec![user_id], conversation_id: None };
                chat.bus.publish(Envelope::Ephemeral { audience, frame: frames::settings_updated(settings) });
            }
            Ok(())
        })
        .await
    }
}
