//! A file with one message, several, or a batch.

use hl7::batch::{PartKind, parts};

use crate::copy::{Deidentifier, Refused};
use crate::tally::Tally;

/// What has become of a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FileCopy {
    /// The copies one behind the other, with the headers and trailers of batches.
    pub bytes: Vec<u8>,
    /// Messages that were copied.
    pub copied: usize,
    /// What was not.
    pub refused: Vec<Refusal>,
    /// Pieces of text between the messages that belong to none and were left out.
    pub left_out: usize,
    /// What has become of the values.
    pub tally: Tally,
}

/// A message that was not copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Its number in the file, from 1; 0 for the header of a batch.
    pub number: usize,
    /// Why.
    pub reason: Refused,
}

/// Copies the messages of a file. A batch in which a message was refused keeps its count, which is then one too many.
pub fn copy_file(deidentifier: &Deidentifier, bytes: &[u8]) -> FileCopy {
    let mut file = FileCopy::default();
    let is_hl7 = parts(bytes).any(|part| !matches!(part.kind, PartKind::Foreign | PartKind::Blank));
    if !is_hl7 && !bytes.trim_ascii().is_empty() {
        file.take(deidentifier, 1, bytes);
        return file;
    }
    let mut number = 0;
    for part in parts(bytes) {
        let inside = bytes.get(part.range).unwrap_or_default();
        match part.kind {
            PartKind::Message => {
                number += 1;
                file.take(deidentifier, number, inside);
            }
            PartKind::FileHeader | PartKind::BatchHeader => file.take(deidentifier, 0, inside),
            PartKind::BatchTrailer | PartKind::FileTrailer => {
                file.bytes.extend_from_slice(&trailer(inside));
            }
            PartKind::Blank => file.bytes.extend_from_slice(inside),
            PartKind::Foreign => file.left_out += 1,
        }
    }
    file
}

impl FileCopy {
    fn take(&mut self, deidentifier: &Deidentifier, number: usize, bytes: &[u8]) {
        match deidentifier.copy(bytes) {
            Ok((copy, tally)) => {
                self.bytes.extend_from_slice(&copy);
                self.copied += usize::from(number > 0);
                self.tally.add(&tally);
            }
            Err(reason) => self.refused.push(Refusal { number, reason }),
        }
    }
}

/// A trailer with its count and without the comment behind it.
fn trailer(line: &[u8]) -> Vec<u8> {
    let content = line.trim_ascii_end();
    let terminator = line.get(content.len()..).unwrap_or_default();
    let content = content.trim_ascii_start();
    let separator = content.get(3).copied().unwrap_or(b'|');
    let count = content.get(4..).unwrap_or_default().split(|byte| *byte == separator).next();
    let count = count.filter(|count| !count.is_empty() && count.iter().all(u8::is_ascii_digit));
    let mut out = content.get(..3).unwrap_or_default().to_vec();
    if let Some(count) = count {
        out.push(separator);
        out.extend_from_slice(count);
    }
    out.extend_from_slice(terminator);
    out
}

#[cfg(test)]
mod tests {
    use super::trailer;

    #[test]
    fn a_trailer_keeps_its_count() {
        assert_eq!(trailer(b"BTS|2|for Dr. Smith|1\r\n"), b"BTS|2\r\n");
        assert_eq!(trailer(b"FTS|Smith"), b"FTS");
        assert_eq!(trailer(b"FTS\r"), b"FTS\r");
    }
}
