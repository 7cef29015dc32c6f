//! Whether the store can serve: one question at a time, however many want to know.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::Result;
use crate::limits;

/// How long after its time-out an answer is waited for: at the end of the process nobody gives it any more.
const LATE: Duration = Duration::from_millis(200);

/// The newest answer of the store, and the way to ask for another.
pub struct StoreHealth {
    newest: watch::Sender<Option<Answer>>,
    wanted: Notify,
}

#[derive(Clone, Copy)]
struct Answer {
    at: Instant,
    well: bool,
}

impl Answer {
    fn is_fresh(self) -> bool {
        self.at.elapsed() < limits::HEALTH_CACHE_TTL
    }
}

impl Default for StoreHealth {
    fn default() -> Self {
        Self { newest: watch::Sender::new(None), wanted: Notify::new() }
    }
}

impl StoreHealth {
    /// Asks with `ping` whenever somebody wants to know, until `stop`. It is nobody's request, so that whoever leaves takes no
    /// question along that others wait for.
    pub async fn run<Fut>(self: Arc<Self>, ping: impl Fn() -> Fut, stop: CancellationToken)
    where
        Fut: Future<Output = Result<()>>,
    {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wanted.notified() => {}
            }
            // Somebody may have asked while the last answer was on its way.
            if !self.newest.borrow().is_some_and(Answer::is_fresh) {
                let well = matches!(timeout(limits::HEALTH_TIMEOUT, ping()).await, Ok(Ok(())));
                self.newest.send_replace(Some(Answer { at: Instant::now(), well }));
            }
        }
    }

    /// Whether the store could serve a moment ago, or can now. Late is no.
    pub async fn is_healthy(&self) -> bool {
        let mut newest = self.newest.subscribe();
        let known = *newest.borrow_and_update();
        if let Some(answer) = known.filter(|answer| answer.is_fresh()) {
            return answer.well;
        }
        self.wanted.notify_one();
        let told = timeout(limits::HEALTH_TIMEOUT + LATE, newest.changed()).await;
        matches!(told, Ok(Ok(()))) && newest.borrow().is_some_and(|answer| answer.well)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::{join_all, pending};
    use tokio::time::sleep;

    use super::*;
    use crate::domain::Error;

    /// Runs `test` beside a health that asks with `ping`.
    async fn beside<Fut>(ping: impl Fn() -> Fut, test: impl AsyncFnOnce(&StoreHealth))
    where
        Fut: Future<Output = Result<()>>,
    {
        let (health, stop) = (Arc::<StoreHealth>::default(), CancellationToken::new());
        tokio::join!(Arc::clone(&health).run(ping, stop.clone()), async {
            test(&health).await;
            stop.cancel();
        });
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_want_to_know_are_one_question() {
        let asked = Cell::new(0);
        let ping = || async {
            sleep(Duration::from_millis(100)).await;
            asked.set(asked.get() + 1);
            Ok(())
        };
        beside(ping, async |health| {
            for questions in 1..=3 {
                for _ in 0..3 {
                    let answers = join_all((0..1_000).map(|_| health.is_healthy())).await;
                    assert!(answers.into_iter().all(|well| well));
                }
                assert_eq!(asked.get(), questions);
                sleep(limits::HEALTH_CACHE_TTL).await;
            }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_not_waited_for() {
        let hangs = Cell::new(true);
        let ping = || async { if hangs.get() { pending().await } else { Ok(()) } };
        beside(ping, async |health| {
            let started = Instant::now();
            assert!(!health.is_healthy().await);
            assert_eq!(started.elapsed(), limits::HEALTH_TIMEOUT);
            hangs.set(false);
            assert!(!health.is_healthy().await, "as it was a moment ago");
            sleep(limits::HEALTH_CACHE_TTL).await;
            assert!(health.is_healthy().await);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_refuses_is_not_well() {
        beside(|| async { Err(Error::unavailable("a test")) }, async |health| assert!(!health.is_healthy().await))
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_takes_no_question_along() {
        let asked = Cell::new(0);
        let ping = || async {
            asked.set(asked.get() + 1);
            sleep(Duration::from_millis(100)).await;
            Ok(())
        };
        beside(ping, async |health| {
            for _ in 0..10 {
                let left = timeout(Duration::from_millis(5), health.is_healthy()).await;
                assert!(left.is_err(), "the answer takes longer than that");
            }
            assert!(health.is_healthy().await);
            assert_eq!(asked.get(), 1);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_end_nobody_waits_for_long() {
        let health = StoreHealth::default();
        let started = Instant::now();
        assert!(!health.is_healthy().await);
        assert_eq!(started.elapsed(), limits::HEALTH_TIMEOUT + LATE);
    }
}
