//! A bound on how long a request takes.

use std::pin::pin;

use tokio::time::{Instant, timeout_at};

use super::chain::Next;
use super::error;
use super::request::Request;
use crate::domain::Error;
use crate::limits;
use crate::transport::Response;

/// Answers `unavailable` if what comes next takes too long: a store that is slow in each of several answers, say. The time in which the
/// body arrives is the client's own, and bounded where the body is read.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let (id, arrival) = (request.id.clone(), request.arrival.clone());
    let begun = Instant::now();
    let mut deadline = begun + limits::ANSWER_TIMEOUT;
    let mut answering = pin!(next.run(request));
    loop {
        if let Ok(answer) = timeout_at(deadline, &mut answering).await {
            return answer;
        }
        let before = deadline;
        deadline = begun + limits::ANSWER_TIMEOUT + arrival.took();
        if deadline <= before {
            return error::problem(&Error::unavailable("a request took too long"), &id);
        }
    }
}
