//! The two ways to say something: data on standard output, talk on standard error.

use std::io::{IsTerminal, Write};

/// Data, as it is. A closed pipe is no error: `| head` has seen enough.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Data that is no text, as it is.
pub fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// A line for the person.
pub fn talk(line: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{line}");
}

/// How far something is, drawn in one line on a terminal; nothing is said in a pipe.
pub struct Progress {
    what: &'static str,
    shown: bool,
}

impl Progress {
    /// Of something, such as `checking`.
    pub fn new(what: &'static str) -> Progress {
        Progress { what, shown: false }
    }

    /// Shows that so many of so many are done.
    pub fn show(&mut self, done: i64, total: i64) {
        /// Cells of the bar.
        const WIDTH: usize = 30;
        let mut out = std::io::stderr().lock();
        if !out.is_terminal() || total <= 0 {
            return;
        }
        let share = done.clamp(0, total) as f64 / total as f64;
        let full = (share * WIDTH as f64) as usize;
        let bar = "\u{2588}".repeat(full) + &"\u{2591}".repeat(WIDTH - full);
        let _ = write!(out, "\r\x1b[K{} {bar} {done} of {total}", self.what);
        let _ = out.flush();
        self.shown = true;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
