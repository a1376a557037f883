//! Questions to the person at the terminal; a line each from standard input elsewhere.

use std::io::{BufRead, IsTerminal, Write};

use phi::Secret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::exit::{Code, Failure};

/// Asks for something that may be seen.
pub fn line(question: &str) -> Result<String, Failure> {
    ask(question)?;
    read()
}

/// Asks for something that is not shown while it is typed.
pub fn secret(question: &str) -> Result<Secret<String>, Failure> {
    let terminal = std::io::stdin();
    if !terminal.is_terminal() {
        return read().map(Secret::new);
    }
    let unasked = |error: rustix::io::Errno| Failure::new(Code::Undecided, error);
    let before = tcgetattr(&terminal).map_err(unasked)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    // Hidden before it is asked for, and what was pasted or typed ahead is kept.
    tcsetattr(&terminal, OptionalActions::Now, &hidden).map_err(unasked)?;
    let typed = ask(question).and_then(|()| read());
    tcsetattr(&terminal, OptionalActions::Now, &before).map_err(unasked)?;
    ask("\n")?;
    typed.map(Secret::new)
}

/// Asks for a new secret, twice at a terminal.
pub fn new_secret(question: &str) -> Result<Secret<String>, Failure> {
    let first = secret(question)?;
    if std::io::stdin().is_terminal() {
        let second = secret("Once more: ")?;
        if first.expose_secret() != second.expose_secret() {
            return Err(Failure::new(Code::Usage, "the two differ"));
        }
    }
    Ok(first)
}

fn ask(question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let mut out = std::io::stderr().lock();
    let asked = write!(out, "{question}").and_then(|()| out.flush());
    asked.map_err(|error| Failure::new(Code::Undecided, error))
}

fn read() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_line(&mut text);
    match read {
        Ok(0) => Err(Failure::new(Code::Usage, "there is no more to read from standard input")),
        Ok(_) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Err(Failure::new(Code::Undecided, error)),
    }
}
