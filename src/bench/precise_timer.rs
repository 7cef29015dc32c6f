//! A timer as precise as the kernel's. Tokio's timer rounds up to a millisecond, which is longer than a delivery takes.

use std::io::ErrorKind;
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

/// A timerfd. It becomes readable at the time that is set.
pub(super) struct PreciseTimer(Receiver);

impl PreciseTimer {
    pub(super) fn new() -> Result<Self, String> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC);
        let timer = timer.map_err(|error| error.to_string())?;
        Receiver::from_owned_fd_unchecked(timer).map(Self).map_err(|error| error.to_string())
    }

    /// Waits until `moment`. Returns at once when `moment` has passed.
    pub(super) async fn sleep_until(&self, moment: Instant) -> Result<(), String> {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let timer = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &timer).map_err(|error| error.to_string())?;
        loop {
            self.0.readable().await.map_err(|error| error.to_string())?;
            match self.0.try_read(&mut [0; size_of::<u64>()]) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
