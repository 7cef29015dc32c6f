//! The client runs the user's commands.

use serde_json::json;

use super::api::{Failure, Problem};
use super::input::{Command, HELP, Line, parse_json, parse_text};
use super::session::{End, Session, Step};

/// Messages that are shown at a time: a terminal's height.
const HISTORY: usize = 20;

impl Session {
    /// Runs a line of input.
    pub(super) async fn line(&mut self, line: Line) -> Step {
        let Line::Text(line) = line else {
            self.refusals += 1;
            self.screen.tell("error", "The line is too long or no UTF-8, and was left out.", json!({}));
            return Ok(());
        };
        let parsed = if self.screen.is_json { parse_json(&line) } else { parse_text(&line) };
        match parsed {
            Ok(Some(command)) => self.command(command).await,
            Ok(None) => Ok(()),
            Err(reason) => {
                self.refusals += 1;
                self.screen.tell("error", &reason, json!({}));
                Ok(())
            }
        }
    }

    /// Runs a command.
    pub(super) async fn command(&mut self, command: Command) -> Step {
        let done = match command {
            Command::Say { content, to, id } => self.say(content, to, id).await,
            Command::List => self.show_list().await,
            Command::Open(whom) => self.open(&whom).await,
            Command::Group { name, usernames } => self.group(&name, &usernames).await,
            Command::More => self.show_history().await,
            Command::Help => {
                self.screen.say(HELP);
                Ok(())
            }
            Command::Quit => return Err(End::Quit),
        };
        if let Err(failure) = done {
            self.refusals += 1;
            self.screen.tell("error", failure.words(), json!({}));
        }
        Ok(())
    }

    async fn say(&mut self, content: String, to: Option<String>, id: Option<String>) -> Result<(), Failure> {
        let conversation = match to {
            Some(whom) => Some(self.find(&whom).await?),
            None => self.open.clone(),
        };
        match conversation {
            Some(conversation) => self.outbox.add(&conversation, content, id),
            None => return Err(none_open()),
        }
        Ok(())
    }

    async fn show_list(&mut self) -> Result<(), Failure> {
        self.list().await?;
        for (place, (_, conversation)) in self.conversations.iter().enumerate() {
            let unread =
                if conversation.unread > 0 { format!(" ({} unread)", conversation.unread) } else { String::new() };
            let peer = conversation.peer.as_ref().map(|peer| format!(" @{peer}")).unwrap_or_default();
            let place = place + 1;
            self.screen.paragraph(&format!("{place:>3}  "), &format!("{}{peer}{unread}", conversation.title));
        }
        if self.conversations.iter().next().is_none() {
            self.screen.say("No conversations yet: /open USERNAME begins one.");
        }
        Ok(())
    }

    async fn open(&mut self, whom: &str) -> Result<(), Failure> {
        // A program's list has no places: they change with each message.
        let place = whom.parse().ok().filter(|_| !self.screen.is_json).and_then(|place| self.conversations.at(place));
        let id = match place {
            Some(id) => id,
            None => self.find(whom).await?,
        };
        let title = self.title(&id);
        (self.open, self.oldest) = (Some(id), None);
        self.screen.say(&format!("--- {title} ---"));
        self.show_history().await
    }

    async fn group(&mut self, name: &str, usernames: &[String]) -> Result<(), Failure> {
        let mut members = Vec::new();
        for username in usernames {
            members.push(self.user(username).await?);
        }
        let body = json!({"type": "group", "name": name, "member_ids": members});
        self.begin(&body).await.map(|id| {
            self.screen.say(&format!("--- {} ---", self.title(&id)));
            (self.open, self.oldest) = (Some(id), None);
        })
    }

    /// Shows the newest messages of the open conversation, or those before what was shown.
    async fn show_history(&mut self) -> Result<(), Failure> {
        let id = self.open.clone().ok_or_else(none_open)?;
        if self.screen.is_json {
            return Ok(());
        }
        let before = self.oldest.map(|seq| format!("&before_seq={seq}")).unwrap_or_default();
        let page = self.api.get(&format!("/v1/conversations/{id}/messages?limit={HISTORY}{before}")).await?;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if items.is_empty() && self.oldest.is_some() {
            self.screen.say("--- This is where it began. ---");
        }
        for message in items {
            self.show_message("", message).await;
        }
        self.oldest = items.first().and_then(|message| message["seq"].as_i64()).or(self.oldest);
        Ok(())
    }
}

fn none_open() -> Failure {
    let detail = "No conversation is open: /list shows them, /open WHOM opens one.".to_owned();
    Failure::Refused(Problem { status: 404, detail, retry_after: None })
}
