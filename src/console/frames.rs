//! The client applies the server's frames, in the order of their numbers.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::Problem;
use super::conversations::Place;
use super::live::Said;
use super::session::{BAD_TOKEN, End, FINAL_CLOSE_CODES, Session, Step};

impl Session {
    /// Applies what the connection says.
    pub(super) async fn said(&mut self, said: Said) -> Step {
        match said {
            Said::Frame(text, frame) => self.frame(&text, frame).await,
            Said::Nothing => Ok(()),
            Said::Closed(Some(BAD_TOKEN), reason) => {
                self.api.refresh_at = Instant::now();
                self.lost(&reason, None);
                Ok(())
            }
            Said::Closed(Some(code), reason) if code >= FINAL_CLOSE_CODES => Err(End::Failed(reason)),
            Said::Closed(_, reason) => {
                self.lost(&reason, None);
                Ok(())
            }
        }
    }

    async fn frame(&mut self, text: &str, frame: Value) -> Step {
        let id = frame["conversation_id"].as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str().unwrap_or_default() {
            "heartbeat" => return self.heartbeat(&frame).await,
            "draining" => {
                let pause = Duration::from_millis(frame["reconnect_after_ms"].as_u64().unwrap_or(1_000));
                self.lost("the server is about to stop", Some(pause));
                return Ok(());
            }
            "error" => return self.refused(&frame).await,
            "conversation.created" => return self.joined(text, &frame).await,
            "conversation.deleted" => {
                let gone = self.conversations.forget(&id);
                self.screen.frame(text);
                if let Some(gone) = gone {
                    self.screen.say(&format!("* {} is no longer yours to see.", gone.title));
                }
                self.open.take_if(|open| *open == id);
            }
            "resumed" => self.conversations.resumed(&id),
            _ if frame["seq"].is_number() => {
                self.acknowledge(&frame);
                match self.conversations.advance(&frame) {
                    Place::Next => {
                        self.screen.frame(text);
                        self.show_event(&id, &frame).await;
                    }
                    // One's own send can come before what it follows, which then comes with it.
                    Place::AfterGap if !self.conversations.is_resuming(&id) => self.resume(&[id]).await,
                    Place::AfterGap | Place::Known => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn acknowledge(&mut self, frame: &Value) {
        if frame["type"] == "message.new"
            && let Some(id) = frame["message"]["id"].as_str()
        {
            self.outbox.remove(id);
        }
    }

    async fn resume(&mut self, ids: &[String]) {
        let resume = self.conversations.resume(ids);
        self.send(&resume).await;
    }

    async fn heartbeat(&mut self, frame: &Value) -> Step {
        let version = frame["membership_version"].as_i64().unwrap_or_default();
        if version > self.membership_version && self.list().await.is_ok() {
            self.membership_version = version;
            for resume in self.conversations.resumes() {
                self.send(&resume).await;
            }
            return Ok(());
        }
        if let Some(heads) = frame["heads"].as_object() {
            let behind = self.conversations.behind(heads);
            if !behind.is_empty() {
                self.resume(&behind).await;
            }
        }
        Ok(())
    }

    /// A conversation has begun for the user.
    async fn joined(&mut self, text: &str, frame: &Value) -> Step {
        let id = frame["conversation"]["id"].as_str().unwrap_or_default().to_owned();
        self.membership_version = frame["membership_version"].as_i64().unwrap_or_default().max(self.membership_version);
        if self.conversations.get(&id).is_some() {
            return Ok(());
        }
        self.screen.frame(text);
        // The frame is the same for all members; the title of a direct conversation is not.
        if let Ok(conversation) = self.api.get(&format!("/v1/conversations/{id}")).await {
            self.conversations.learn(&[conversation], true);
            let title = self.title(&id);
            self.screen.say(&format!("* {title} has begun."));
            self.resume(&[id]).await;
        }
        Ok(())
    }

    /// The server refused a frame.
    async fn refused(&mut self, frame: &Value) -> Step {
        let (problem, reference) = (Problem::read(frame), frame["ref"].as_str().unwrap_or_default());
        if frame["code"] == "resync" {
            let id = frame["conversation_id"].as_str().unwrap_or_default().to_owned();
            if let Ok(conversation) = self.api.get(&format!("/v1/conversations/{id}")).await {
                self.conversations.restart(&id, conversation["last_seq"].as_i64().unwrap_or_default());
                let words = format!("{} was restored from a backup; /open shows it as it is now.", self.title(&id));
                self.screen.tell("resync", &words, json!({"conversation_id": id}));
                self.resume(&[id]).await;
            }
        } else if let Some(pause) = problem.retry_after {
            self.outbox.postpone(reference, pause);
        } else {
            let words = match self.outbox.remove(reference) {
                Some(content) => {
                    self.refusals += 1;
                    format!("Not sent ({}): {content}", problem.detail)
                }
                None => problem.detail.clone(),
            };
            self.screen.tell("error", &words, json!({"ref": reference, "problem": frame}));
        }
        Ok(())
    }

    async fn show_event(&mut self, id: &str, frame: &Value) {
        if self.screen.is_json {
            return;
        }
        let message = &frame["message"];
        let place = if self.open.as_deref() == Some(id) { String::new() } else { format!("({}) ", self.title(id)) };
        match frame["type"].as_str().unwrap_or_default() {
            "message.deleted" => self.screen.say(&format!("{place}* A message was deleted.")),
            "message.updated" => self.show_message(&format!("{place}edited: "), message).await,
            _ if message.is_object() => self.show_message(&place, message).await,
            _ => {}
        }
    }

    /// Prints a message.
    pub(super) async fn show_message(&mut self, place: &str, message: &Value) {
        let content = message["content"].as_str().unwrap_or_default();
        let time = message["timestamp"].as_str().and_then(|time| time.get(11..16)).unwrap_or_default();
        if message["type"] == "system" {
            self.screen.paragraph(&format!("[{time}] {place}* "), content);
        } else if !message["deleted_at"].is_null() {
            self.screen.paragraph(&format!("[{time}] {place}"), "* a deleted message");
        } else {
            let sender = self.name(message["sender_id"].as_str().unwrap_or_default()).await;
            self.screen.paragraph(&format!("[{time}] {place}{sender}: "), content);
        }
    }
}
