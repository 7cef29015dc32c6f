//! Somebody who talks over REST, one message after the other.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{ANSWER, Actor, Goal, PAUSE};
use crate::support::history::Entry;

impl Actor {
    /// Talks until everybody is to settle; says whatever gets no answer `again`.
    pub(super) async fn post(mut self, again: bool, between: Duration) {
        while *self.goal.borrow() == Goal::Talk {
            sleep(between).await;
            let (id, content) = self.draft();
            while let Err(pause) = self.try_post(id, &content).await {
                sleep(pause).await;
                if !again {
                    break;
                }
            }
        }
    }

    /// Tries once. An error says when another try may help.
    async fn try_post(&mut self, id: Uuid, content: &str) -> Result<(), Duration> {
        self.sent(id, content, None);
        let body = json!({"id": id, "content": content});
        let asking = self.person.try_call(Method::POST, &self.room.messages, Some(&body));
        let Ok(Ok(answer)) = timeout(ANSWER, asking).await else { return Err(PAUSE) };
        if matches!(answer.status, 200 | 201) {
            let seq = answer.json()["seq"].as_i64().unwrap();
            self.log.note(Entry::Acknowledged { id, seq });
            return Ok(());
        }
        let (_, code) = answer.problem();
        let problem = answer.json();
        let retry_after_ms = problem["retry_after_ms"].as_u64();
        self.log.note(Entry::Refused { id, code: code.clone(), retry_after_ms });
        if code == "token_expired" {
            return self.refresh().await.map_or(Err(PAUSE), |()| Err(Duration::ZERO));
        }
        match problem["retryable"].as_bool() {
            Some(true) => Err(retry_after_ms.map_or(PAUSE, Duration::from_millis)),
            _ => Ok(()),
        }
    }
}
