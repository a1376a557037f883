//! The body of a request: a known number of bytes, or chunks.

use bytes::{Buf, BytesMut};

use super::head::Length;
use super::refusal::Refusal;

/// The longest line between chunks: a size and whatever a sender adds to it.
const LINE_MAX: usize = 256;
/// The most bytes of fields behind the last chunk.
const TRAILER_MAX: usize = 8 * 1024;

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Body {
    state: State,
    bytes: BytesMut,
    bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes, and no more.
    Rest(usize),
    /// The line with a chunk's size.
    Size,
    /// So many bytes of a chunk.
    Chunk(usize),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Fields behind the last chunk, of which so many bytes have been passed over.
    Trailer(usize),
    Done,
}

impl Body {
    /// A body of this length; none at all is refused, and so is one that is known to be too long.
    pub(super) fn new(length: Length, bytes_max: usize) -> Result<Body, Refusal> {
        let state = match length {
            Length::None => return Err(Refusal::NoLength),
            Length::Bytes(0) => return Err(Refusal::Empty),
            Length::Bytes(length) => match usize::try_from(length) {
                Ok(length) if length <= bytes_max => State::Rest(length),
                Ok(_) | Err(_) => return Err(Refusal::TooLong),
            },
            Length::Chunks => State::Size,
        };
        Ok(Body { state, bytes: BytesMut::new(), bytes_max })
    }

    /// Takes what belongs to the body out of `input`; true once it is whole.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<bool, Refusal> {
        loop {
            match self.state {
                State::Done => return Ok(true),
                State::Rest(left) => {
                    self.state = self.copy(input, left).map_or(State::Done, State::Rest)
                }
                State::Chunk(left) => {
                    self.state = self.copy(input, left).map_or(State::ChunkEnd, State::Chunk);
                }
                State::Size => match line(input, LINE_MAX)? {
                    Some(line) => self.state = self.chunk(&line)?,
                    None => return Ok(false),
                },
                State::ChunkEnd => match line(input, 2)? {
                    Some(line) if line.is_empty() => self.state = State::Size,
                    Some(_) => return Err(Refusal::Chunk),
                    None => return Ok(false),
                },
                State::Trailer(passed) => match line(input, TRAILER_MAX - passed)? {
                    Some(line) if line.is_empty() => self.state = State::Done,
                    Some(line) => self.state = State::Trailer(passed + line.len()),
                    None => return Ok(false),
                },
            }
            if input.is_empty() && self.state != State::Done {
                return Ok(false);
            }
        }
    }

    /// How much of it is there.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What is there of it.
    pub(super) fn into_bytes(self) -> BytesMut {
        self.bytes
    }

    /// Copies up to `left` bytes; none are left when all were there.
    fn copy(&mut self, input: &mut BytesMut, left: usize) -> Option<usize> {
        let taken = left.min(input.len());
        self.bytes.extend_from_slice(&input.split_to(taken));
        Some(left - taken).filter(|left| *left > 0)
    }

    fn chunk(&self, line: &[u8]) -> Result<State, Refusal> {
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
        let hexadecimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| hexadecimal);
        let size = digits.ok_or(Refusal::Chunk)?;
        let size = usize::from_str_radix(size, 16).map_err(|_| Refusal::TooLong)?;
        match size {
            0 => Ok(State::Trailer(0)),
            _ if size > self.bytes_max - self.bytes.len() => Err(Refusal::TooLong),
            _ => Ok(State::Chunk(size)),
        }
    }
}

/// The next line, without its end; none as long as it is not whole.
fn line(input: &mut BytesMut, length_max: usize) -> Result<Option<BytesMut>, Refusal> {
    let Some(end) = memchr::memchr(b'\n', input) else {
        return if input.len() > length_max { Err(Refusal::Chunk) } else { Ok(None) };
    };
    let mut line = input.split_to(end);
    input.advance(1);
    match line.last() {
        Some(b'\r') if line.len() <= length_max + 1 => line.truncate(line.len() - 1),
        _ => return Err(Refusal::Chunk),
    }
    if line.contains(&b'\r') { Err(Refusal::Chunk) } else { Ok(Some(line)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(length: Length, text: &str) -> Result<(String, String), Refusal> {
        // However the bytes are cut, the body is the same.
        let whole = read_in_pieces(length, text, text.len());
        for piece in [1, 2, 3, 7] {
            assert_eq!(read_in_pieces(length, text, piece), whole, "{text:?} in pieces of {piece}");
        }
        whole
    }

    fn read_in_pieces(
        length: Length,
        text: &str,
        piece: usize,
    ) -> Result<(String, String), Refusal> {
        let mut body = Body::new(length, 20)?;
        let mut input = BytesMut::new();
        let mut pieces = text.as_bytes().chunks(piece.max(1));
        while !body.take(&mut input)? {
            input.extend_from_slice(pieces.next().ok_or(Refusal::Cut)?);
        }
        pieces.for_each(|piece| input.extend_from_slice(piece));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok((text(&body.into_bytes()), text(&input)))
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        let ok = |body: &str, rest: &str| Ok((body.to_owned(), rest.to_owned()));
        assert_eq!(read(Length::Bytes(4), "MSH|POST"), ok("MSH|", "POST"));
        assert_eq!(read(Length::Chunks, "4\r\nMSH|\r\n0\r\n\r\nPOST"), ok("MSH|", "POST"));
        assert_eq!(
            read(Length::Chunks, "1;a=b\r\nM\r\n02\r\nSH\r\n0;x\r\nTrailer: y\r\n\r\n"),
            ok("MSH", "")
        );
    }

    #[test]
    fn what_is_no_body_is_refused() {
        for (length, text, refusal) in [
            (Length::None, "", Refusal::NoLength),
            (Length::Bytes(0), "", Refusal::Empty),
            (Length::Bytes(21), "", Refusal::TooLong),
            (Length::Bytes(u64::MAX), "", Refusal::TooLong),
            (Length::Bytes(4), "MSH", Refusal::Cut),
            (Length::Chunks, "15\r\n", Refusal::TooLong),
            (Length::Chunks, "14\r\n01234567890123456789\r\n1\r\n", Refusal::TooLong),
            (Length::Chunks, "FFFFFFFFFFFFFFFFF\r\n", Refusal::TooLong),
            (Length::Chunks, "4\nMSH|\r\n", Refusal::Chunk),
            (Length::Chunks, "4\r\nMSH|x\r\n", Refusal::Chunk),
            (Length::Chunks, "-1\r\n", Refusal::Chunk),
            (Length::Chunks, "0x4\r\n", Refusal::Chunk),
            (Length::Chunks, "\r\n", Refusal::Chunk),
            (Length::Chunks, "4 4\r\nMSH|\r\n", Refusal::Chunk),
        ] {
            assert_eq!(read(length, text), Err(refusal), "{text:?}");
        }
        let long = format!("4;{}\r\n", "x".repeat(300));
        assert_eq!(read(Length::Chunks, &long), Err(Refusal::Chunk));
        let trailer = format!("0\r\n{}", "A: b\r\n".repeat(3_000));
        assert_eq!(read(Length::Chunks, &trailer), Err(Refusal::Chunk));
    }
}
