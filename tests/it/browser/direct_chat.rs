//! The page of a user who has a conversation open.

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::{Conversation, TestUser};
use crate::support::server::Server;

/// Ada's page, with her conversation with Grace open, and all that it needs. The fields are dropped in this order: the page before its server.
pub(super) struct DirectChat {
    pub(super) page: Visitor,
    pub(super) browser: Browser,
    pub(super) ada: TestUser,
    pub(super) grace: TestUser,
    pub(super) room: Conversation,
    pub(super) server: Server,
}

impl DirectChat {
    /// Starts a server and a browser, and opens the conversation.
    pub(super) async fn open() -> Self {
        let server = Server::start().await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.direct(&grace).await;
        let browser = Browser::start().await;
        let page = Visitor::log_in(&browser, server.address, "ada").await;
        page.open("Grace").await;
        Self { page, browser, ada, grace, room, server }
    }
}
