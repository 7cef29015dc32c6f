//! Bun's server, whose sockets and topics are uWebSockets: what is fast elsewhere, without accounts and without a store.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Arguments;
use crate::frames::{self, Template, payload};

/// The program that it runs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baselines/bun.js");
/// Where npm puts it if it is not on the path.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bun");

/// Becomes Bun, so that its process is this one; without Bun it says so.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    let Some(bun) = found().or_else(installed) else {
        return Err("skipped: there is no `bun` on the path, and npm did not install one".to_owned());
    };
    let (host, port) =
        arguments.value("--listen").unwrap_or("127.0.0.1:0").rsplit_once(':').ok_or("--listen takes HOST:PORT")?;
    let hello = payload(&frames::hello(Some(Default::default())));
    let failed = Command::new(&bun).arg(SCRIPT).args([host, port]).arg(Template::of_chinwag().text()).arg(hello).exec();
    Err(format!("{}: {failed}", bun.display()))
}

/// The one on the path, or the one that was installed before.
fn found() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("bun"));
    on_path.chain([Path::new(FOLDER).join("node_modules/.bin/bun")]).find(|program| program.is_file())
}

/// Asks npm for it.
fn installed() -> Option<PathBuf> {
    let npm = Command::new("npm")
        .args(["install", "--no-fund", "--no-audit", "--prefix", FOLDER, "bun"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    npm.ok().filter(std::process::ExitStatus::success).and_then(|_| found())
}
