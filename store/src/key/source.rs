//! Where the store key comes from.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use config::KeySource;
use zeroize::Zeroizing;

use super::{StoreKey, file};
use crate::error::OpenError;

/// How long a program may take to give the key.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);
/// More than a key with its line end.
const OUTPUT_BYTES_MAX: u64 = 256;

/// What a source has.
pub(crate) enum KeyState {
    Found(StoreKey),
    /// Nothing is there; one can be made when the source is a file.
    Missing,
}

/// Asks a source for the key. Nothing is written.
pub(crate) async fn find(source: &KeySource) -> Result<KeyState, OpenError> {
    let found = match source {
        KeySource::File(path) => file::read(path)?,
        KeySource::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => {
                let path = std::path::Path::new(&folder).join(name.as_str());
                match std::fs::read(&path) {
                    Ok(text) => Some(parse(source, Zeroizing::new(text))?),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                    Err(error) => return Err(unusable(source, &error.kind().to_string())),
                }
            }
            None => return Err(unusable(source, "`CREDENTIALS_DIRECTORY` is not set")),
        },
        KeySource::Environment(name) => match std::env::var(name) {
            Ok(text) => Some(parse(source, Zeroizing::new(text.into_bytes()))?),
            Err(_) => None,
        },
        KeySource::Command(words) => Some(parse(source, ask(source, words).await?)?),
    };
    Ok(found.map_or(KeyState::Missing, KeyState::Found))
}

/// Makes the key of a new store, where the source is one that can hold it.
pub(crate) fn make(source: &KeySource) -> Result<StoreKey, OpenError> {
    match source {
        KeySource::File(path) => file::make(path),
        KeySource::Credential(_) | KeySource::Environment(_) | KeySource::Command(_) => {
            Err(unusable(source, "it is empty; put 64 hexadecimal digits there"))
        }
    }
}

/// 64 hexadecimal digits, or the 32 bytes themselves.
fn parse(source: &KeySource, text: Zeroizing<Vec<u8>>) -> Result<StoreKey, OpenError> {
    if let Ok(bytes) = <[u8; 32]>::try_from(text.as_slice()) {
        return Ok(StoreKey::new(bytes));
    }
    StoreKey::parse(&text).ok_or_else(|| OpenError::KeyDamaged(source.to_string()))
}

async fn ask(source: &KeySource, words: &[String]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (source, words) = (source.clone(), words.to_vec());
    let asked = tokio::task::spawn_blocking(move || {
        let answer = run(&words, COMMAND_DEADLINE);
        answer.map_err(|problem| unusable(&source, &problem))
    });
    asked.await.unwrap_or_else(|error| Err(OpenError::Unreachable(error.to_string())))
}

/// Runs a program with nothing of our environment and takes what it prints.
fn run(words: &[String], deadline: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let (program, arguments) = words.split_first().ok_or("it names no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.kind().to_string())?;
    let end = Instant::now() + deadline;
    // A key fits into the pipe, so the program can end before anything is read.
    let status = loop {
        match child.try_wait().map_err(|error| error.kind().to_string())? {
            Some(status) => break status,
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            None => {
                let killed = child.kill().and_then(|()| child.wait());
                return Err(format!(
                    "it did not answer in time ({})",
                    if killed.is_ok() { "stopped" } else { "still running" }
                ));
            }
        }
    };
    let mut text = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(OUTPUT_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(|error| error.kind().to_string())?;
    }
    if status.success() { Ok(text) } else { Err("it failed".to_owned()) }
}

fn unusable(source: &KeySource, problem: &str) -> OpenError {
    OpenError::KeyUnusable { name: source.to_string(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> KeySource {
        KeySource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[tokio::test]
    async fn a_program_gives_the_key_without_a_shell() {
        let digits = "0123456789abcdef".repeat(4);
        let found = find(&command(&["/bin/echo", &digits])).await.unwrap();
        assert!(matches!(found, KeyState::Found(key) if key.expose_secret()[0] == 0x01));
        let literal = find(&command(&["/bin/echo", "$HOME;", "`id`"])).await;
        assert!(matches!(literal, Err(OpenError::KeyDamaged(_))));
        for bad in [&["/bin/false"][..], &["/nowhere/at-all"], &[]] {
            assert!(
                matches!(find(&command(bad)).await, Err(OpenError::KeyUnusable { .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let words = ["/bin/sleep".to_owned(), "60".to_owned()];
        let begun = Instant::now();
        assert!(run(&words, Duration::from_millis(50)).is_err());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn an_environment_variable_that_is_not_set_is_a_missing_key() {
        let source = KeySource::Environment("HILUM_STORE_TEST_NO_SUCH_KEY".to_owned());
        assert!(matches!(find(&source).await, Ok(KeyState::Missing)));
        assert!(matches!(make(&source), Err(OpenError::KeyUnusable { .. })));
    }
}
