//! The client asks the server for conversations and users.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::api::{Failure, Problem};
use super::conversations::CONVERSATIONS_MAX;
use super::session::Session;

/// Names of users that are remembered.
const NAMES_MAX: usize = 10_000;

impl Session {
    /// Lists all of the user's conversations.
    pub(super) async fn list(&mut self) -> Result<(), Failure> {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.api.get(&format!("/v1/conversations?limit=200{cursor}")).await?;
            let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            listed.extend(items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned));
            self.conversations.learn(items, self.was_connected);
            match page["next"].as_str() {
                Some(next) if listed.len() < CONVERSATIONS_MAX => {
                    cursor = format!("&cursor={}", utf8_percent_encode(next, NON_ALPHANUMERIC));
                }
                _ => break,
            }
        }
        self.conversations.keep_only(listed);
        Ok(())
    }

    /// Finds the conversation that the user names: by its id, by a username behind @, or by the name of a group or a user. Others give groups
    /// their names, so a name that fits more than one is refused: a message to a person must not go to a group that is called like them.
    pub(super) async fn find(&mut self, whom: &str) -> Result<String, Failure> {
        if self.conversations.get(whom).is_some() {
            return Ok(whom.to_owned());
        }
        if let Some(username) = whom.strip_prefix('@') {
            return self.direct(username).await;
        }
        let groups = self.conversations.groups_called(whom);
        if groups.is_empty() {
            return self.direct(whom).await;
        }
        let is_user = match self.user(whom).await {
            Ok(_) => true,
            Err(Failure::Refused(problem)) if problem.status == 404 => false,
            Err(failure) => return Err(failure),
        };
        match groups.as_slice() {
            [group] if !is_user => Ok(group.clone()),
            _ => {
                let detail = format!("{whom} is the name of several. Use @ and a username, or a conversation's id.");
                Err(Failure::Refused(Problem { status: 409, detail, retry_after: None }))
            }
        }
    }

    /// Returns the direct conversation with a user, and begins it if there is none.
    async fn direct(&mut self, username: &str) -> Result<String, Failure> {
        if let Some(id) = self.conversations.direct_with(username) {
            return Ok(id);
        }
        let user = self.user(username).await?;
        self.begin(&json!({"type": "direct", "member_ids": [user]})).await
    }

    /// Creates a conversation and resumes it from its beginning.
    pub(super) async fn begin(&mut self, body: &Value) -> Result<String, Failure> {
        let conversation = self.api.post("/v1/conversations", body).await?;
        let id = conversation["id"].as_str().unwrap_or_default().to_owned();
        self.conversations.learn(&[conversation], true);
        let resume = self.conversations.resume(std::slice::from_ref(&id));
        self.send(&resume).await;
        Ok(id)
    }

    /// Returns the id of the user with this username.
    pub(super) async fn user(&mut self, username: &str) -> Result<String, Failure> {
        let query = utf8_percent_encode(username, NON_ALPHANUMERIC).to_string();
        let page = self.api.get(&format!("/v1/users?limit=200&q=%40{query}")).await?;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_named =
            |user: &&Value| user["username"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(username));
        let found = items.iter().find(is_named).and_then(|user| user["id"].as_str());
        found.map(str::to_owned).ok_or_else(|| {
            let detail = format!("There is no conversation and no user called {username}.");
            Failure::Refused(Problem { status: 404, detail, retry_after: None })
        })
    }

    /// Returns a user's name.
    pub(super) async fn name(&mut self, id: &str) -> String {
        if let Some(name) = self.names.get(id) {
            return name.clone();
        }
        let user = self.api.get(&format!("/v1/users/{id}")).await;
        let Ok(Some(name)) = user.map(|user| user["name"].as_str().map(str::to_owned)) else {
            return "?".to_owned();
        };
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        self.names.insert(id.to_owned(), name.clone());
        name
    }

    /// Returns what a conversation is called.
    pub(super) fn title(&self, id: &str) -> String {
        self.conversations.get(id).map_or_else(|| "a conversation".to_owned(), |known| known.title.clone())
    }
}
