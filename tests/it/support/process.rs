//! Programs that a test starts.
//!
//! Their parent is a small shell script that waits for the end of its standard input. The kernel closes that when the test ends,
//! however it ends. The script then kills the program's process group and removes its folder.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Time in which a program must be up. On a machine that compiles beside the tests Chromium takes half a minute.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// `$1` is the folder, the rest the program and its arguments. `setsid` gives it a process group of its own. (It removes the
/// folder twice, because a killed process may still write a last file.)
const PARENT: &str = r#"
folder=$1; shift
setsid "$@" 2>&1 & program=$!
exec >/dev/null 2>&1
read -r _
kill -KILL -"$program"; wait "$program"
rm -rf "$folder" || rm -rf "$folder"
"#;

/// A running program. A drop kills it and all processes that it started.
pub(crate) struct Process {
    parent: Child,
}

impl Process {
    /// Starts the program that the first argument names, and waits until `look` finds something in a line of its output.
    pub(crate) async fn start(
        folder: TempDir,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        look: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> (Self, String) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", PARENT, "sh"]).arg(folder.path()).args(arguments).process_group(0);
        // The program leaves its temporary files here, and the parent removes them with the folder.
        command.env("TMPDIR", folder.path());
        let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let _ = folder.keep(); // the parent removes it
        let output = BufReader::new(parent.stdout.take().unwrap());
        let process = Self { parent };
        let (found_sender, found) = oneshot::channel();
        // A thread of its own, because the output must be read as long as the program writes.
        thread::spawn(move || read(output, look, found_sender));
        match timeout(START_TIMEOUT, found).await {
            Ok(Ok(Ok(found))) => (process, found),
            Ok(Ok(Err(output))) => panic!("{command:?} ended: {output}"),
            _ => panic!("{command:?} did not print the expected line"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.parent.stdin.take());
        self.parent.wait().unwrap();
    }
}

/// Sends the first finding, or the whole output if the program ends without one. Reads on after a finding.
fn read(
    output: BufReader<impl std::io::Read>,
    look: impl Fn(&str) -> Option<String>,
    found_sender: oneshot::Sender<Result<String, String>>,
) {
    let mut found_sender = Some(found_sender);
    let mut text = String::new();
    for line in output.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if found_sender.is_none() {
            continue;
        }
        match look(&line) {
            // The test may have stopped waiting.
            Some(found) => drop(found_sender.take().map(|sender| sender.send(Ok(found)))),
            None => text = text + &line + "\n",
        }
    }
    if let Some(sender) = found_sender {
        let _ = sender.send(Err(text));
    }
}
