//! SIGHUP, which a terminal sends when it closes.

use std::fs;
use std::io::BufReader;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use hyper::Method;
use rustix::process::Signal;
use tokio::time::interval;

use super::{Running, chinwag, chinwag_after};
use crate::support::client::{get, try_send_request};

#[tokio::test]
async fn it_is_ignored_if_it_was_ignored_at_start() {
    let mut running = Running::run(chinwag_after("trap '' HUP"), tempfile::tempdir().unwrap(), &[]);
    let status = fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 1, 1, "{status}");
    running.signal(Signal::HUP);
    get(running.address, "/readyz").await.expect(200);
    // A drain that had begun would end at once.
    running.signal(Signal::TERM);
    assert!(running.child.wait().unwrap().success());
}

#[tokio::test]
async fn a_terminal_that_closes_drains_it() {
    // A terminal takes nothing any more when it has closed, neither the log nor errors, and it sends the signal twice.
    let data = tempfile::tempdir().unwrap();
    let mut command = chinwag(&[]);
    command.stderr(Stdio::piped());
    let mut running = Running::run(command, data, &["--drain-seconds", "2"]);
    let _half = super::half_a_request(running.address).await;
    get(running.address, "/livez").await.expect(200);
    drop(running.child.stderr.take());
    drop(std::mem::replace(&mut running.log, BufReader::new(closed())));
    running.signal(Signal::HUP);
    // It drains when it says so, or when it does not listen any more.
    let mut pause = interval(Duration::from_millis(20));
    let ready = || try_send_request(running.address, Method::GET, "/readyz", &[], "");
    while ready().await.is_ok_and(|response| response.status == 200) {
        pause.tick().await;
    }
    running.signal(Signal::HUP);
    assert!(running.child.wait().unwrap().success());
}

/// Returns a standard output that has ended.
fn closed() -> ChildStdout {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    child.wait().unwrap();
    child.stdout.take().unwrap()
}
