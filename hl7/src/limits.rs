//! How large the parts of a message may be.

use memchr::memchr2_iter;

use crate::{charset::Charset, delimiters::Delimiters, walk::Walk};

/// The limits of one listener; a field may be as long as the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Segments of a message, blank lines too.
    pub segments: usize,
    /// Repetitions of a field.
    pub repetitions: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { segments: 20_000, repetitions: 10_000 }
    }
}

/// Which limit a message is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitExceeded {
    /// Too many lines.
    #[error("the message has more than {limit} segments")]
    Segments {
        /// The limit.
        limit: usize,
    },
    /// Too many repetitions in one field.
    #[error("a field has more than {limit} repetitions")]
    Repetitions {
        /// The limit.
        limit: usize,
    },
}

/// Checks bytes before they are parsed, so that not even the index of a hostile message is built.
///
/// Only bytes are counted: with a charset whose characters can hold the separator's byte the count may be too high,
/// so such a field is counted again by character.
pub fn check_limits(
    bytes: &[u8],
    delimiters: &Delimiters,
    charset: Charset,
    limits: &Limits,
) -> Result<(), LimitExceeded> {
    if bytes.len() <= limits.segments.min(limits.repetitions) {
        return Ok(());
    }
    let lines = memchr2_iter(b'\r', b'\n', bytes)
        .filter(|at| bytes[*at] == b'\r' || *at == 0 || bytes[*at - 1] != b'\r');
    if lines.take(limits.segments + 1).count() > limits.segments {
        return Err(LimitExceeded::Segments { limit: limits.segments });
    }
    let (Some(field), Some(repetition)) =
        (delimiters.field.single(), delimiters.repetition.single())
    else {
        return count_by_character(bytes, delimiters, charset, limits);
    };
    let mut count = 1;
    for at in memchr2_iter(field, repetition, bytes) {
        if bytes[at] == field {
            count = 1;
            continue;
        }
        count += 1;
        if count > limits.repetitions {
            return count_by_character(bytes, delimiters, charset, limits);
        }
    }
    Ok(())
}

fn count_by_character(
    bytes: &[u8],
    delimiters: &Delimiters,
    charset: Charset,
    limits: &Limits,
) -> Result<(), LimitExceeded> {
    let walk = Walk::of(charset, delimiters, bytes);
    for segment in bytes.split(|byte| matches!(byte, b'\r' | b'\n')) {
        if segment.len() <= limits.repetitions {
            continue;
        }
        for field in walk.parts(segment, 0..segment.len(), &delimiters.field) {
            if 1 + walk.count(&segment[field], &delimiters.repetition) > limits.repetitions {
                return Err(LimitExceeded::Repetitions { limit: limits.repetitions });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], charset: Charset) -> Result<(), LimitExceeded> {
        check_limits(bytes, &Delimiters::STANDARD, charset, &Limits { segments: 3, repetitions: 4 })
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        assert_eq!(check(b"MSH|^~\\&|\rPID|1~2~3~4|1~2\r\nNTE|", Charset::Utf8), Ok(()));
        assert_eq!(
            check(b"MSH|^~\\&|\rPID|1~2~3~4~5", Charset::Utf8),
            Err(LimitExceeded::Repetitions { limit: 4 })
        );
        assert_eq!(
            check(b"A\rB\rC\rD\r", Charset::Utf8),
            Err(LimitExceeded::Segments { limit: 3 })
        );
        assert_eq!(check(b"A\r\nB\r\nC\r\n", Charset::Utf8), Ok(()));
    }

    #[test]
    fn a_trail_byte_is_no_repetition() {
        let bytes = b"PID|\x83~\x83~\x83~\x83~\x83~";
        assert_eq!(check(bytes, Charset::ShiftJis), Ok(()));
        assert!(check(bytes, Charset::Latin1).is_err());
    }
}
