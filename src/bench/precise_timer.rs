//! A timer that is as exact as the kernel: tokio's own rounds up to a millisecond, which is more than a message takes.

use std::io::ErrorKind;
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

/// The kernel's timer is read like a pipe into which it writes when the time has come.
pub(super) struct Alarm(Receiver);

impl Alarm {
    pub(super) fn new() -> Result<Self, String> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC);
        let timer = timer.map_err(|error| error.to_string())?;
        Receiver::from_owned_fd_unchecked(timer).map(Self).map_err(|error| error.to_string())
    }

    /// Waits until then; not at all if that is past.
    pub(super) async fn until(&self, then: Instant) -> Result<(), String> {
        let left = then.saturating_duration_since(Instant::now());
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
