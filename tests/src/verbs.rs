//! The real binary and its verbs.

use crate::wait;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

/// What a verb printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

/// The binary that `tests/run` has built: beside the folder of this test's own executable, or `HILUM_TEST_BIN`.
pub fn binary() -> PathBuf {
    if let Ok(path) = std::env::var("HILUM_TEST_BIN") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("hilum");
    assert!(
        path.exists(),
        "{} is missing: run the tests with `tests/run`, or `cargo build -p hilum` first",
        path.display()
    );
    path
}

/// A command of the binary, without anything of this process's environment that could change what it does.
pub fn hilum() -> Command {
    clean(Command::new(binary()))
}

/// Takes the environment away.
pub fn clean(mut command: Command) -> Command {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("NO_COLOR", "1").env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command
}

/// Runs it to its end, which must come: a verb that hangs is a failure and not a wait.
pub fn run(mut command: Command) -> Output {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let Some(status) = wait::until_or(|| child.try_wait().unwrap()) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{command:?} does not end: {}", stderr.join().unwrap());
    };
    Output { code: status.code(), stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn drain(from: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.expect("a pipe").read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Runs a verb that needs no engine.
pub fn local(arguments: &[&str]) -> Output {
    let mut command = hilum();
    command.args(arguments);
    run(command)
}
