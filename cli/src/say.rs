//! The two ways to say something: data on standard output, talk on standard error.

use std::io::Write;

/// Data, as it is. A closed pipe is no error: `| head` has seen enough.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line for the person.
pub fn talk(line: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{line}");
}
