//! The methods of the traits of stores, each forwarded with the fate of its call.

use std::sync::Arc;

use async_trait::async_trait;
use chinwag::domain::account::{Account, AccountChange, Credentials, Departure, Tombstone};
use chinwag::domain::block::{Block, NewBlock};
use chinwag::domain::command::{Command, NewMessage, Outcome};
use chinwag::domain::conversation::{Conversation, CreatedConversation, GroupName, Member, NewConversation};
use chinwag::domain::conversation_view::ConversationView;
use chinwag::domain::emoji::Emoji;
use chinwag::domain::event::Event;
use chinwag::domain::message::Message;
use chinwag::domain::message_search::{FoundMessages, IndexPosition, IndexStep, IndexVersion, Search};
use chinwag::domain::notifications::Notifications;
use chinwag::domain::pin::Pin;
use chinwag::domain::receipt::{Receipt, ReceiptOutcome, UnreadState};
use chinwag::domain::registration::{Invite, RegistrationMode};
use chinwag::domain::report::{Report, ReportFacts, ReportView, Resolution};
use chinwag::domain::saved::{SavedMessage, SavedPosition};
use chinwag::domain::session::{Caller, Session, SessionKey, Ticket};
use chinwag::domain::user::{ConnectSnapshot, ContactFrom, MySettings, Name, User, UserVersions};
use chinwag::domain::{ConversationId, MessageId, ReportId, Result, Seq, SessionId, TicketId, Timestamp, UserId};
use chinwag::store::{
    Accounts, ActivityCursor, Blocks, Contacts, Conversations, Deletions, EmojiAndUser, Heads, HistoryGate,
    KnownNetworks, Leftovers, LeftoversCursor, MemberId, MemberSettings, MemberUpdate, Members, MessageSearch,
    Messages, Nodes, NumberedWrites, Page, Pins, Range, Reactions, Receipts, Registration, Reports, Saved, Sessions,
    Store, Tickets, UserSettings, Users,
};

use super::HeldStore;

/// Implements a trait of stores by calls to the wrapped store.
macro_rules! forward {
    (impl $trait:ident { $(fn $plain:ident() -> $value:ty;)* $(async fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }) => {
        #[async_trait]
        impl $trait for HeldStore {
            $(fn $plain(&self) -> $value {
                self.store.$plain()
            })*

            $(async fn $name(&self, $($argument: $type),*) -> $result {
                let fate = self.fate(stringify!($name));
                let answer = self.store.$name($($argument),*).await;
                match fate {
                    Some(fate) => fate.apply(answer).await,
                    None => answer,
                }
            })*
        }
    };
}

forward! {
    impl Users {
        async fn insert_user(user: &User, password_hash: &str) -> Result<()>;
        async fn user(id: UserId) -> Result<Option<User>>;
        async fn credentials(username_key: &str) -> Result<Option<Credentials>>;
        async fn password_hash(id: UserId) -> Result<Option<String>>;
        async fn users(from: &str, limit: usize) -> Result<Vec<User>>;
        async fn users_by_id(ids: &[UserId], from: &str, limit: usize) -> Result<Vec<User>>;
        async fn user_ids_by_word(prefix: &str, limit: usize) -> Result<Vec<UserId>>;
        async fn rewrite_user_words(below: i64, limit: usize) -> Result<usize>;
        async fn rename_user(id: UserId, name: &Name) -> Result<()>;
        async fn change_password(id: UserId, old_hash: &str, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>>;
        async fn replace_password_hash(id: UserId, old: &str, new: &str) -> Result<()>;
        async fn set_last_seen(ids: &[UserId], at: Timestamp) -> Result<()>;
        async fn connect_snapshot(caller: &Caller, to: Option<ConversationId>, limit: usize) -> Result<Option<ConnectSnapshot>>;
    }
}

forward! {
    impl UserSettings {
        async fn settings(user_id: UserId) -> Result<Option<MySettings>>;
        async fn set_send_receipts(user_id: UserId, send_receipts: bool) -> Result<()>;
        async fn set_show_last_seen(user_id: UserId, show_last_seen: bool) -> Result<()>;
        async fn set_do_not_disturb(user_id: UserId, until: Option<Timestamp>) -> Result<()>;
        async fn hidden_readers(reader_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>>;
        async fn silent_readers(ids: &[UserId]) -> Result<Vec<UserId>>;
    }
}

forward! {
    impl Accounts {
        async fn insert_account(account: &Account, password_hash: &str) -> Result<()>;
        async fn account(id: UserId) -> Result<Option<Account>>;
        async fn account_of(username_key: &str) -> Result<Option<Account>>;
        async fn accounts(ids: &[UserId]) -> Result<Vec<Account>>;
        async fn change_account(id: UserId, change: &AccountChange, at: Timestamp) -> Result<Option<(Account, Vec<SessionId>)>>;
    }
}

forward! {
    impl Blocks {
        async fn insert_block(new: &NewBlock) -> Result<bool>;
        async fn delete_block(user_id: UserId, blocked_id: UserId) -> Result<bool>;
        async fn blocks(user_id: UserId, after: Option<&str>, limit: usize) -> Result<Vec<Block>>;
        async fn blocks_with(user_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>>;
    }
}

forward! {
    impl Deletions {
        async fn delete_user(id: UserId, tombstone: &Tombstone, at: Timestamp) -> Result<Option<Vec<SessionId>>>;
        async fn names(ids: &[UserId]) -> Result<Vec<(UserId, Name, bool)>>;
        async fn departures(after: (Timestamp, UserId), limit: usize) -> Result<Vec<(Timestamp, UserId)>>;
        async fn departures_of(user_id: UserId, limit: usize) -> Result<Vec<Departure>>;
        async fn sweep_user(user_id: UserId, limit: usize) -> Result<bool>;
        async fn end_departure(user_id: UserId, before: Timestamp) -> Result<()>;
    }
}

forward! {
    impl Registration {
        async fn registration_mode() -> Result<Option<RegistrationMode>>;
        async fn set_registration_mode(mode: Option<RegistrationMode>) -> Result<()>;
        async fn insert_invite(invite: &Invite) -> Result<()>;
        async fn insert_invited_user(user: &User, password_hash: &str, code_hash: &str, at: Timestamp) -> Result<()>;
    }
}

forward! {
    impl Reports {
        async fn report_facts(user_id: UserId, conversation_id: ConversationId, message_id: MessageId) -> Result<Option<ReportFacts>>;
        async fn insert_report(report: &Report) -> Result<()>;
        async fn report(id: ReportId) -> Result<Option<ReportView>>;
        async fn reports(settled: bool, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportView>>;
        async fn settle_reports(conversation_id: ConversationId, message_id: MessageId, resolution: Resolution, at: Timestamp) -> Result<()>;
        async fn sweep_reports(before: Timestamp, limit: usize) -> Result<usize>;
        async fn removals(since: Timestamp, limit: usize) -> Result<Vec<(ConversationId, MessageId)>>;
        async fn sweep_removals(before: Timestamp, limit: usize) -> Result<usize>;
    }
}

forward! {
    impl Sessions {
        async fn insert_session(session: &Session) -> Result<()>;
        async fn session(key: SessionKey) -> Result<Option<Session>>;
        async fn session_by_id(id: SessionId) -> Result<Option<Session>>;
        async fn sessions_of(user_id: UserId, at: Timestamp, before: Option<SessionId>, limit: usize) -> Result<Vec<Session>>;
        async fn rotate_session(key: SessionKey, generation: i64, at: Timestamp, expires_at: Timestamp) -> Result<bool>;
        async fn live_sessions(keys: &[SessionKey], at: Timestamp) -> Result<Vec<SessionId>>;
        async fn ended_sessions(after: (Timestamp, SessionId), limit: usize) -> Result<Vec<(Timestamp, SessionId)>>;
        async fn end_session_of(user_id: UserId, id: SessionId, at: Timestamp) -> Result<bool>;
        async fn end_session(key: SessionKey, at: Timestamp) -> Result<()>;
    }
}

forward! {
    impl KnownNetworks {
        async fn insert_known_network(user_id: UserId, network: i64, at: Timestamp, since: Timestamp, at_most: i64) -> Result<()>;
        async fn is_known_network(user_id: UserId, network: i64, since: Timestamp) -> Result<bool>;
    }
}

forward! {
    impl Tickets {
        async fn insert_ticket(ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool>;
        async fn redeem_ticket(id: TicketId, user_id: Option<UserId>, at: Timestamp) -> Result<Option<Caller>>;
    }
}

forward! {
    impl Contacts {
        async fn users_with_contact(user_ids: &[UserId], contact_id: UserId) -> Result<Vec<UserId>>;
        async fn set_contact_from(user_id: UserId, contact_from: ContactFrom) -> Result<()>;
    }
}

forward! {
    impl Conversations {
        async fn create_conversation(new: &NewConversation) -> Result<CreatedConversation>;
        async fn conversation(id: ConversationId) -> Result<Option<Conversation>>;
        async fn conversation_view(id: ConversationId, user_id: UserId) -> Result<Option<ConversationView>>;
        async fn conversation_views(user_id: UserId, after: Option<ActivityCursor>, limit: usize) -> Result<Vec<ConversationView>>;
        async fn conversation_ids(user_id: UserId, first: ConversationId, limit: usize) -> Result<Vec<ConversationId>>;
        async fn small_conversations(user_id: UserId, first: ConversationId, limit: usize) -> Result<Vec<ConversationId>>;
        async fn small_conversations_of(user_ids: &[UserId], limit: usize) -> Result<Vec<(UserId, ConversationId)>>;
        async fn delete_conversation(id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>>;
        async fn delete_memberless(before: Timestamp, limit: usize) -> Result<usize>;
        async fn sweep_deleted(limit: usize) -> Result<bool>;
    }
}

forward! {
    impl Heads {
        async fn head(id: ConversationId) -> Result<Option<Seq>>;
        async fn heads_for(user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>>;
        async fn heads_of(ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>>;
    }
}

forward! {
    impl Members {
        async fn member(id: ConversationId, user_id: UserId) -> Result<Option<Member>>;
        async fn members(id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>>;
        async fn co_members(user_id: UserId, limit: usize) -> Result<Vec<UserId>>;
        async fn receipts_of_others(id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>>;
        async fn membership_version(id: UserId) -> Result<i64>;
        async fn versions(ids: &[UserId]) -> Result<Vec<UserVersions>>;
    }
}

forward! {
    impl MemberSettings {
        async fn set_notifications(id: ConversationId, user_id: UserId, notifications: Notifications) -> Result<Option<bool>>;
    }
}

forward! {
    impl MessageSearch {
        async fn index_versions() -> Result<Vec<IndexVersion>>;
        async fn set_index_version(index: IndexVersion) -> Result<()>;
        async fn forget_index_version(version: i64) -> Result<()>;
        async fn index_positions_of(version: i64, ids: &[ConversationId]) -> Result<Vec<IndexPosition>>;
        async fn index_positions(version: i64, first: ConversationId, limit: usize) -> Result<Vec<IndexPosition>>;
        async fn events_to_index(id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>>;
        async fn index_messages(version: i64, steps: Vec<IndexStep>) -> Result<Vec<ConversationId>>;
        async fn sweep_index(version: i64, id: ConversationId, limit: usize) -> Result<bool>;
        async fn search_messages(version: i64, search: &Search) -> Result<FoundMessages>;
        async fn group_names(user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, GroupName)>>;
        async fn direct_conversation(one: UserId, other: UserId) -> Result<Option<ConversationId>>;
    }
}

forward! {
    impl Messages {
        async fn page(reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>>;
        async fn messages(id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>>;
        async fn message_by_id(id: ConversationId, message_id: MessageId) -> Result<Option<Message>>;
        async fn events(id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>>;
        async fn events_of(after: &[(ConversationId, Seq)], limit: usize) -> Result<Vec<Event>>;
    }
}

forward! {
    impl Pins {
        async fn pins(id: ConversationId, before: Seq, limit: usize) -> Result<Vec<Pin>>;
    }
}

forward! {
    impl Reactions {
        async fn own_reactions(user_id: UserId, id: ConversationId, kinds: &[(Seq, Emoji)]) -> Result<Vec<(Seq, Emoji)>>;
        async fn reactors(id: ConversationId, message_seq: Seq, only: Option<&Emoji>, after: Option<&(Emoji, UserId)>, limit: usize) -> Result<Vec<EmojiAndUser>>;
        async fn sweep_reactions(limit: usize) -> Result<bool>;
    }
}

forward! {
    impl Receipts {
        async fn receipts(id: ConversationId, reader_id: UserId, limit: usize) -> Result<Vec<Receipt>>;
        async fn update_receipts(batch: &[MemberUpdate]) -> Result<Vec<ReceiptOutcome>>;
        async fn blocked_members(members: &[MemberId]) -> Result<Vec<(MemberId, UserId)>>;
        async fn unread_states(members: &[MemberId]) -> Result<Vec<(MemberId, UnreadState)>>;
    }
}

forward! {
    impl Leftovers {
        async fn sweep_leftovers(cursor: LeftoversCursor, limit: usize) -> Result<LeftoversCursor>;
    }
}

forward! {
    impl Saved {
        async fn save_message(user_id: UserId, id: ConversationId, message_id: MessageId, at: Timestamp) -> Result<bool>;
        async fn unsave_message(user_id: UserId, id: ConversationId, message_id: MessageId) -> Result<bool>;
        async fn saved_messages(user_id: UserId, after: Option<SavedPosition>, limit: usize) -> Result<Vec<SavedMessage>>;
    }
}

forward! {
    impl NumberedWrites {
        async fn commit(lane: usize, batch: Arc<[NewMessage]>) -> Result<Vec<Result<Outcome>>>;
        async fn apply(lane: usize, batch: Arc<[Command]>) -> Result<Vec<Result<Outcome>>>;
    }
}

forward! {
    impl Store {
        fn kind() -> &'static str;
        fn lanes() -> usize;
        fn is_distributed() -> bool;
        fn history_gate() -> Option<Arc<HistoryGate>>;
        fn nodes() -> Option<&dyn Nodes>;

        async fn ping() -> Result<()>;
    }
}
