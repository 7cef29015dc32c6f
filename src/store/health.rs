//! StoreHealth asks the store if it can serve: one question at a time, however many callers wait for the answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::Result;
use crate::limits;

/// A caller waits this much longer than the time-out of the question, because no answer comes any more after the server has stopped.
const GRACE: Duration = Duration::from_millis(200);

/// The latest report about the store, and the request for a new one.
pub struct StoreHealth {
    latest: watch::Sender<Option<HealthReport>>,
    requested: Notify,
}

#[derive(Clone, Copy)]
struct HealthReport {
    checked_at: Instant,
    healthy: bool,
}

impl HealthReport {
    fn is_fresh(self) -> bool {
        self.checked_at.elapsed() < limits::HEALTH_CACHE_TTL
    }
}

impl Default for StoreHealth {
    fn default() -> Self {
        Self { latest: watch::Sender::new(None), requested: Notify::new() }
    }
}

impl StoreHealth {
    /// Asks the store with `ping` whenever a caller requests a report, until `stop`. It runs in a task of its own, because a client
    /// that disconnects drops its request's future, and other callers may wait for the same answer.
    pub async fn run<Fut>(self: Arc<Self>, ping: impl Fn() -> Fut, stop: CancellationToken)
    where
        Fut: Future<Output = Result<()>>,
    {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.requested.notified() => {}
            }
            // The request may have come while the last answer was on its way.
            if !self.latest.borrow().is_some_and(HealthReport::is_fresh) {
                let healthy = matches!(timeout(limits::HEALTH_TIMEOUT, ping()).await, Ok(Ok(())));
                self.latest.send_replace(Some(HealthReport { checked_at: Instant::now(), healthy }));
            }
        }
    }

    /// Returns true if the store can serve, by a report that is younger than [`limits::HEALTH_CACHE_TTL`] or by a new one. Returns
    /// false if the store does not answer in time.
    pub async fn is_healthy(&self) -> bool {
        let mut latest = self.latest.subscribe();
        let known = *latest.borrow_and_update();
        if let Some(report) = known.filter(|report| report.is_fresh()) {
            return report.healthy;
        }
        self.requested.notify_one();
        let changed = timeout(limits::HEALTH_TIMEOUT + GRACE, latest.changed()).await;
        matches!(changed, Ok(Ok(()))) && latest.borrow().is_some_and(|report| report.healthy)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::{join_all, pending};
    use tokio::time::sleep;

    use super::*;
    use crate::domain::Error;

    /// Runs `test` beside a [`StoreHealth`] that asks with `ping`.
    async fn with_health<Fut>(ping: impl Fn() -> Fut, test: impl AsyncFnOnce(&StoreHealth))
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
    async fn many_callers_share_one_question() {
        let asked = Cell::new(0);
        let ping = || async {
            sleep(Duration::from_millis(100)).await;
            asked.set(asked.get() + 1);
            Ok(())
        };
        with_health(ping, async |health| {
            for questions in 1..=3 {
                for _ in 0..3 {
                    let reports = join_all((0..1_000).map(|_| health.is_healthy())).await;
                    assert!(reports.into_iter().all(|healthy| healthy));
                }
                assert_eq!(asked.get(), questions);
                sleep(limits::HEALTH_CACHE_TTL).await;
            }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_unhealthy_after_the_time_out() {
        let hangs = Cell::new(true);
        let ping = || async { if hangs.get() { pending().await } else { Ok(()) } };
        with_health(ping, async |health| {
            let started = Instant::now();
            assert!(!health.is_healthy().await);
            assert_eq!(started.elapsed(), limits::HEALTH_TIMEOUT);
            hangs.set(false);
            assert!(!health.is_healthy().await, "the last report is still fresh");
            sleep(limits::HEALTH_CACHE_TTL).await;
            assert!(health.is_healthy().await);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_unhealthy() {
        with_health(|| async { Err(Error::unavailable("a test")) }, async |health| assert!(!health.is_healthy().await))
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_cancels_no_question() {
        let asked = Cell::new(0);
        let ping = || async {
            asked.set(asked.get() + 1);
            sleep(Duration::from_millis(100)).await;
            Ok(())
        };
        with_health(ping, async |health| {
            for _ in 0..10 {
                let given_up = timeout(Duration::from_millis(5), health.is_healthy()).await;
                assert!(given_up.is_err(), "the answer takes longer than that");
            }
            assert!(health.is_healthy().await);
            assert_eq!(asked.get(), 1);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn callers_do_not_wait_for_long_after_the_end() {
        let health = StoreHealth::default();
        let started = Instant::now();
        assert!(!health.is_healthy().await);
        assert_eq!(started.elapsed(), limits::HEALTH_TIMEOUT + GRACE);
    }
}
