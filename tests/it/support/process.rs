//! Programs that a test starts.
//!
//! Their parent is a small shell script that waits for the end of its standard input, which the kernel brings about when the
//! test ends, however it ends. It then kills the program's whole process group and removes its folder.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::socket::PATIENCE;

/// `$1` is the folder, the rest the program and its arguments. `setsid` gives it a process group of its own. (Twice, since a process
/// that was killed may be about to write a last file.)
const PARENT: &str = r#"
folder=$1; shift
setsid "$@" 2>&1 & program=$!
exec >/dev/null 2>&1
read -r _
kill -KILL -"$program"; wait "$program"
rm -rf "$folder" || rm -rf "$folder"
"#;

/// A running program. Dropping it kills it and all that it has started.
pub(crate) struct Process {
    parent: Child,
}

impl Process {
    /// Starts a program whose first argument is the program, and waits until a line of its output has what is looked for.
    pub(crate) async fn start(
        folder: TempDir,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        look: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> (Self, String) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", PARENT, "sh"]).arg(folder.path()).args(arguments).process_group(0);
        let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let _ = folder.keep(); // the parent removes it
        let output = BufReader::new(parent.stdout.take().unwrap());
        let process = Self { parent };
        let (tell, told) = oneshot::channel();
        // A thread of its own, since somebody has to read for as long as the program writes.
        thread::spawn(move || read(output, look, tell));
        match timeout(PATIENCE, told).await {
            Ok(Ok(Ok(found))) => (process, found),
            Ok(Ok(Err(said))) => panic!("{command:?} ended: {said}"),
            _ => panic!("{command:?} did not say what it should"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.parent.stdin.take());
        self.parent.wait().unwrap();
    }
}

/// Tells what was found, or all that was said instead; then reads on.
fn read(
    output: BufReader<impl std::io::Read>,
    look: impl Fn(&str) -> Option<String>,
    tell: oneshot::Sender<Result<String, String>>,
) {
    let mut tell = Some(tell);
    let mut said = String::new();
    for line in output.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if tell.is_none() {
            continue;
        }
        match look(&line) {
            // The test may have stopped waiting.
            Some(found) => drop(tell.take().map(|tell| tell.send(Ok(found)))),
            None => said = said + &line + "\n",
        }
    }
    if let Some(tell) = tell {
        let _ = tell.send(Err(said));
    }
}
