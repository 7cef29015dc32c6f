//! The signals that stop the server.

use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The bit of SIGHUP, which is signal 1, in the masks of `/proc/self/status`.
const SIGHUP_BIT: u64 = 1;

/// SIGTERM, SIGINT and SIGHUP.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// None if the process was started with SIGHUP ignored, as `nohup` does.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Begins to listen. From now on the signals do not end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        let hangup = if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    /// Waits for the first signal, which begins the drain.
    pub async fn drain(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hangup => {}
        }
    }

    /// Waits for a further signal, which ends the drain. SIGHUP does not: a terminal that closes sends it twice, once from the kernel and
    /// once from the shell.
    pub async fn exit_at_once(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Returns true if SIGHUP was ignored when the process started, or if that cannot be known: then the signal does what it did before.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & SIGHUP_BIT != 0)
}
