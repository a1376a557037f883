//! The real binary and its verbs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Runs it to its end.
pub fn run(mut command: Command) -> Output {
    let output = command.output().expect("the binary runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a verb that needs no engine.
pub fn local(arguments: &[&str]) -> Output {
    let mut command = hilum();
    command.args(arguments);
    run(command)
}
