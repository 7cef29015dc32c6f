//! The actions of users on the page.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::support::browser::{Browser, Page};
use crate::support::client::PASSWORD;

/// A user at the page.
pub(super) struct Visitor {
    page: Page,
}

impl Deref for Visitor {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl DerefMut for Visitor {
    fn deref_mut(&mut self) -> &mut Page {
        &mut self.page
    }
}

impl Visitor {
    /// Opens the page, and waits for the login form.
    pub(super) async fn at_login(browser: &Browser, address: SocketAddr) -> Self {
        let page = browser.open(&format!("http://{address}/")).await;
        page.until("seen(one('auth-submit'))").await;
        Self { page }
    }

    /// Logs in through the form.
    pub(super) async fn log_in(browser: &Browser, address: SocketAddr, username: &str) -> Self {
        Self::log_in_at(browser, address, username, "").await
    }

    /// Logs in as Ada and as Grace, each in a window of her own.
    pub(super) async fn ada_and_grace(browser: &Browser, address: SocketAddr) -> (Self, Self) {
        tokio::join!(Self::log_in(browser, address, "ada"), Self::log_in(browser, address, "grace"))
    }

    /// Opens a link of the page, as `#…`, and logs in through the form.
    pub(super) async fn log_in_at(browser: &Browser, address: SocketAddr, username: &str, fragment: &str) -> Self {
        let visitor = Self { page: browser.open(&format!("http://{address}/{fragment}")).await };
        visitor.until("seen(one('auth-submit'))").await;
        visitor.fill("one('auth-username')", username).await;
        visitor.fill("one('auth-password')", PASSWORD).await;
        visitor.press("Enter").await;
        visitor.is_connected().await;
        visitor
    }

    pub(super) async fn close(self) {
        self.page.close().await;
    }

    pub(super) async fn is_connected(&self) {
        self.until("one('connection-state').dataset.state === 'connected' && seen(one('me-menu'))").await;
    }

    /// Picks a user in the open dialog by a search.
    pub(super) async fn pick(&self, search: &str, username: &str) {
        self.fill("one('people-search')", search).await;
        self.until("all('person-option').length === 1").await;
        self.click(&format!("one('person-option', '[data-username={username}]')")).await;
        self.until("one('person-option').ariaPressed === 'true'").await;
    }

    /// Opens a conversation from the list.
    #[track_caller]
    pub(super) fn open<'a>(&'a self, title: &str) -> impl Future<Output = ()> + use<'a> {
        let clicked = self.click(&format!("one('conversation-item', `[data-title=\"{title}\"]`)"));
        let title = title.to_owned();
        async move {
            clicked.await;
            self.is_at(&title).await;
            self.until("one('load-state').dataset.state !== 'loading'").await;
        }
    }

    pub(super) async fn is_at(&self, title: &str) {
        self.until(&format!(
            "seen(one('conversation-title')) && one('conversation-title').textContent === {}",
            json!(title)
        ))
        .await;
    }

    /// Types a message and presses Enter.
    pub(super) async fn send(&self, text: &str) {
        self.fill("one('composer')", text).await;
        self.press("Enter").await;
        self.until("one('composer').value === ''").await;
    }

    /// Chooses an entry of a message's menu.
    pub(super) async fn choose(&self, text: &str, entry: &str) {
        self.eval(&format!("{}.focus()", message(text))).await;
        self.click(&format!("{}.querySelector('[data-testid=more-message]')", message(text))).await;
        self.click(&menu_entry(entry)).await;
    }

    /// Returns what the page counts as unread in a conversation.
    pub(super) async fn unread_in(&self, conversation_id: &str) -> Value {
        self.eval(&format!(
            "load('page/page-client.js').then(({{ client }}) => client.conversations.get('{conversation_id}').unread_count)"
        ))
        .await
    }

    /// Gives the page a frame as if the server had sent it.
    pub(super) async fn receives(&self, frame: &Value) {
        let text = json!(frame.to_string());
        self.eval(&format!(
            "load('page/page-client.js').then(({{ client }}) => {{
                const {{ send }} = WebSocket.prototype;
                WebSocket.prototype.send = function (frame) {{
                    send.call(this, frame);
                    WebSocket.prototype.send = send;
                    this.onmessage({{ data: {text} }});
                }};
                client.connection.send({{ type: 'ping' }});
            }})"
        ))
        .await;
    }

    /// Opens another tab of the same browser.
    pub(super) async fn open_tab(&self) -> Self {
        Self { page: self.page.open_tab().await }
    }

    /// Waits until exactly these messages are shown and none is pending.
    #[track_caller]
    pub(super) fn sees<'a>(&'a self, texts: &[&str]) -> impl Future<Output = Value> + use<'a> {
        self.until(&format!(
            "JSON.stringify(all('message', '[data-state=sent]').map((row) => row.querySelector('[data-testid=message-text]').textContent))
                === JSON.stringify({}) && all('message').length === {}",
            json!(texts),
            texts.len()
        ))
    }
}

/// Returns the expression for an entry of the open menu.
pub(super) fn menu_entry(name: &str) -> String {
    format!("document.querySelector('[role=menu] [data-testid=\"{name}-message\"]')")
}

/// Returns the expression that is true if a message is in the visible part of the conversation and marked as what was jumped to.
pub(super) fn is_shown(text: &str) -> String {
    format!(
        "(() => {{ const row = {}; const [box, stage] = [row, document.getElementById('scroller')].map((node) => node.getBoundingClientRect());
            return 'marked' in row.dataset && box.top >= stage.top && box.top < stage.bottom; }})()",
        message(text)
    )
}

/// Returns the expression for a message by its text.
pub(super) fn message(text: &str) -> String {
    format!("all('message').find((row) => row.textContent.includes({}))", json!(text))
}
