//! Frames: a letter for the kind, the length, the bytes.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::copy::Cell;

/// The longest frame: a row may hold a message of the greatest size there can be.
const BYTES_MAX: u32 = 1 << 30;

/// What a backup is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub backup: i64,
    pub log: Uuid,
    pub schema: i64,
    pub version: String,
    pub node: String,
    pub kek: String,
    pub at_us: i64,
}

/// What a table adds up to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sum {
    pub table: String,
    pub rows: i64,
    pub sum: [u64; 4],
}

/// What all of it adds up to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub files: i64,
    pub tables: Vec<Sum>,
    /// Records of the audit log.
    pub audit: i64,
}

/// The signature over the SHA-256 of everything before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    pub key: String,
    pub signature: String,
}

/// A table that begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub table: String,
    pub columns: Vec<String>,
}

/// One frame.
#[derive(Debug)]
pub(super) enum Frame {
    Head(Head),
    File(String, Vec<u8>),
    Table(Begin),
    Rows(Vec<Vec<Cell>>),
    End(End),
    Signed(Signed),
}

/// Frames on their way out, hashed.
#[derive(Default)]
pub(super) struct Encoder {
    hash: Sha256,
}

impl Encoder {
    pub(super) fn frame(&mut self, frame: &Frame) -> Vec<u8> {
        let (kind, body) = match frame {
            Frame::Head(head) => (b'H', json(head)),
            Frame::File(name, bytes) => (b'F', [&sized(name.as_bytes())[..], bytes].concat()),
            Frame::Table(begin) => (b'T', json(begin)),
            Frame::Rows(rows) => (b'R', encode(rows)),
            Frame::End(end) => (b'E', json(end)),
            Frame::Signed(signed) => (b'S', json(signed)),
        };
        let mut bytes = Vec::with_capacity(body.len() + 5);
        bytes.push(kind);
        bytes.extend(sized(&body));
        self.hash.update(&bytes);
        bytes
    }

    /// Of everything so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

fn encode(rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        out.push(b'>');
        for cell in row {
            match cell {
                Cell::Null => out.push(b'n'),
                Cell::Int(value) => {
                    out.push(b'i');
                    out.extend(value.to_be_bytes());
                }
                Cell::Text(text) => {
                    out.push(b't');
                    out.extend(sized(text.as_bytes()));
                }
                Cell::Bytes(bytes) => {
                    out.push(b'b');
                    out.extend(sized(bytes));
                }
            }
        }
    }
    out
}

fn decode(bytes: &[u8]) -> Option<Vec<Vec<Cell>>> {
    let (mut rest, mut rows) = (bytes, Vec::<Vec<Cell>>::new());
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        let cell = match kind {
            b'>' => {
                rows.push(Vec::new());
                continue;
            }
            b'n' => Cell::Null,
            b'i' => {
                let (value, after) = rest.split_first_chunk::<8>()?;
                rest = after;
                Cell::Int(i64::from_be_bytes(*value))
            }
            b't' => Cell::Text(String::from_utf8(take(&mut rest)?).ok()?),
            b'b' => Cell::Bytes(take(&mut rest)?),
            _ => return None,
        };
        rows.last_mut()?.push(cell);
    }
    Some(rows)
}

fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes.to_vec())
}

/// Frames on their way in, hashed.
pub(super) struct Decoder<R> {
    inner: R,
    hash: Sha256,
    before: [u8; 32],
}

impl<R: BufRead> Decoder<R> {
    pub(super) fn new(inner: R) -> Decoder<R> {
        Decoder { inner, hash: Sha256::new(), before: [0; 32] }
    }

    /// Of everything before the last frame that was read.
    pub(super) fn digest_before(&self) -> [u8; 32] {
        self.before
    }

    /// The next frame; nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "it is no backup, or damaged");
        self.before = self.hash.clone().finalize().into();
        let mut head = [0; 5];
        match self.inner.read(head.get_mut(..1).unwrap_or_default())? {
            0 => return Ok(None),
            _ => self.inner.read_exact(head.get_mut(1..).unwrap_or_default())?,
        }
        let [kind, length @ ..] = head;
        let length = u32::from_be_bytes(length);
        if length > BYTES_MAX {
            return Err(odd());
        }
        let mut body = Vec::new();
        (&mut self.inner).take(u64::from(length)).read_to_end(&mut body)?;
        if body.len() != length as usize {
            return Err(odd());
        }
        self.hash.update(head);
        self.hash.update(&body);
        let frame = match kind {
            b'H' => serde_json::from_slice(&body).ok().map(Frame::Head),
            b'F' => {
                let mut rest = &body[..];
                let name = take(&mut rest).and_then(|name| String::from_utf8(name).ok());
                name.map(|name| Frame::File(name, rest.to_vec()))
            }
            b'T' => serde_json::from_slice(&body).ok().map(Frame::Table),
            b'R' => decode(&body).map(Frame::Rows),
            b'E' => serde_json::from_slice(&body).ok().map(Frame::End),
            b'S' => serde_json::from_slice(&body).ok().map(Frame::Signed),
            _ => None,
        };
        frame.map(Some).ok_or_else(odd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let rows = vec![
            vec![Cell::Null, Cell::Int(-1), Cell::Text("a>b".to_owned())],
            vec![Cell::Bytes(vec![0, b'>', 255]), Cell::Int(i64::MIN), Cell::Text(String::new())],
            Vec::new(),
        ];
        let mut encoder = Encoder::default();
        let mut bytes = encoder.frame(&Frame::Rows(rows.clone()));
        bytes.extend(encoder.frame(&Frame::File("a/b".to_owned(), b"text".to_vec())));
        let mut decoder = Decoder::new(&bytes[..]);
        assert!(matches!(decoder.next().unwrap(), Some(Frame::Rows(found)) if found == rows));
        let file = decoder.next().unwrap();
        assert!(matches!(file, Some(Frame::File(name, text)) if name == "a/b" && text == b"text"));
        assert!(decoder.next().unwrap().is_none());
        assert_eq!(decoder.digest_before(), encoder.digest());
        for cut in 1..bytes.len() {
            let mut decoder = Decoder::new(&bytes[..cut]);
            let all = std::iter::from_fn(|| decoder.next().transpose());
            let outcome: io::Result<Vec<Frame>> = all.collect();
            assert!(outcome.is_err() || outcome.unwrap().len() < 2, "cut at {cut}");
        }
    }
}
