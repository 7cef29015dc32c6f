//! A client that sends over REST, one message at a time.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Phase, RESPONSE_TIMEOUT, RETRY_PAUSE, SimulatedClient};
use crate::support::history::Entry;

impl SimulatedClient {
    /// Sends messages until the phase changes, with pauses of `between`. Repeats a request that got no answer if `retries` is set.
    pub(super) async fn post(mut self, retries: bool, between: Duration) {
        while *self.phase.borrow() == Phase::Send {
            sleep(between).await;
            let (id, content) = self.draft();
            while let Err(pause) = self.try_post(id, &content).await {
                sleep(pause).await;
                if !retries {
                    break;
                }
            }
        }
    }

    /// Sends one request. Returns the pause before the next attempt as the error.
    async fn try_post(&mut self, id: Uuid, content: &str) -> Result<(), Duration> {
        self.sent(id, content, None);
        let body = json!({"id": id, "content": content});
        let request = self.user.try_call(Method::POST, &self.room.messages, Some(&body));
        let Ok(Ok(answer)) = timeout(RESPONSE_TIMEOUT, request).await else { return Err(RETRY_PAUSE) };
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
            return self.refresh().await.map_or(Err(RETRY_PAUSE), |()| Err(Duration::ZERO));
        }
        match problem["retryable"].as_bool() {
            Some(true) => Err(retry_after_ms.map_or(RETRY_PAUSE, Duration::from_millis)),
            _ => Ok(()),
        }
    }
}
