//! Counts the system calls of a process and the threads that it wakes, with the kernel's tracepoints.

use std::process::Command;

use crate::Arguments;

const SYSCALLS: [&str; 9] =
    ["sendto", "write", "writev", "sendmsg", "read", "recvfrom", "epoll_wait", "epoll_pwait", "futex"];
const WAKEUP: &str = "sched:sched_wakeup";

/// Counts for some seconds and prints a table.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let pid = arguments.value("--pid").ok_or("takes --pid PID, and --seconds S")?;
    let seconds = arguments.number("--seconds", 5)?;
    println!("{:<16}{:>14}{:>14}", "call", "count", "a second");
    for (name, count) in count_events(pid, seconds)? {
        #[allow(clippy::cast_precision_loss)] // rounded for people
        let rate = count as f64 / seconds as f64;
        println!("{name:<16}{count:>14}{rate:>14.0}");
    }
    Ok(())
}

/// Returns the name of each system call, and how often the process made it.
fn count_events(pid: &str, seconds: usize) -> Result<Vec<(String, u64)>, String> {
    let mut perf = Command::new("perf");
    perf.args(["stat", "-x", ";", "-p", pid]);
    for call in SYSCALLS {
        perf.args(["-e", &format!("syscalls:sys_enter_{call}")]);
    }
    let output = perf.args(["-e", WAKEUP, "sleep", &seconds.to_string()]).env("LC_ALL", "C").output();
    let output = output.map_err(|error| format!("skipped: `perf` cannot be run: {error}"))?;
    // perf prints lines of `count;unit;event;…` to standard error.
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("skipped: perf may not count here: {}", text.trim()));
    }
    let counts = text.lines().filter_map(|line| {
        let mut fields = line.split(';');
        let (count, event) = (fields.next()?.parse().ok()?, fields.nth(1)?);
        Some((event.trim_start_matches("syscalls:sys_enter_").to_owned(), count))
    });
    let counts: Vec<(String, u64)> = counts.collect();
    if counts.is_empty() { Err(format!("skipped: perf counted nothing: {}", text.trim())) } else { Ok(counts) }
}
