//! The bytes of a block, and what can be told from the first bytes of what should be one.

use std::io::{self, IoSlice};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

pub(crate) const START: u8 = 0x0B;
pub(crate) const END: u8 = 0x1C;
pub(crate) const CR: u8 = 0x0D;
pub(crate) const LF: u8 = 0x0A;

const HEAD: &[u8] = &[START];
const TAIL: &[u8] = &[END, CR];
const BOM: &[u8] = b"\xEF\xBB\xBF";
const HEADERS: [&[u8]; 3] = [b"MSH", b"FHS", b"BHS"];

/// What other protocols begin with. Naming them saves an afternoon, and waiting for a start byte from them is useless.
const FOREIGN: [(&[u8], &str); 10] = [
    (b"GET ", "HTTP"),
    (b"POST ", "HTTP"),
    (b"PUT ", "HTTP"),
    (b"HEAD ", "HTTP"),
    (b"OPTIONS ", "HTTP"),
    (b"PRI * HTTP/", "HTTP"),
    (b"\x16\x03", "TLS"),
    (b"<?xml", "XML"),
    (b"{\"", "JSON"),
    (b"%PDF-", "PDF"),
];

/// What some bytes begin with, as far as they have come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A message or batch header, after an optional byte order mark.
    Header,
    /// Another protocol.
    Foreign(&'static str),
    /// Nothing known.
    Other,
    /// The next bytes will tell.
    Undecided,
}

/// Looks at the bytes where a line begins between frames.
pub(crate) fn opening(bytes: &[u8]) -> Opening {
    match header(bytes) {
        Opening::Other => {}
        known => return known,
    }
    let mut undecided = false;
    for (pattern, name) in FOREIGN {
        if bytes.starts_with(pattern) {
            return Opening::Foreign(name);
        }
        undecided |= pattern.starts_with(bytes);
    }
    if undecided { Opening::Undecided } else { Opening::Other }
}

/// Looks at the bytes after a start byte: only a header there makes it one inside a frame.
pub(crate) fn header(bytes: &[u8]) -> Opening {
    let rest = bytes.strip_prefix(BOM).unwrap_or(bytes);
    if HEADERS.iter().any(|name| rest.starts_with(name)) {
        Opening::Header
    } else if HEADERS.iter().any(|name| name.starts_with(rest)) || BOM.starts_with(bytes) {
        Opening::Undecided
    } else {
        Opening::Other
    }
}

/// Bytes that people and load balancers put between frames without meaning anything.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, CR | LF | 0 | b' ' | b'\t')
}

/// Whether a frame looks like the hybrid protocol with lengths and checksums: `D22`, CR, data, eight digits.
pub fn looks_like_hllp(frame: &[u8]) -> bool {
    let [b'D' | b'N', version @ .., CR] = frame.get(..4).unwrap_or_default() else {
        return false;
    };
    let tail = frame.strip_suffix(&[CR]).unwrap_or(frame);
    let sums = tail.len().checked_sub(8).and_then(|at| tail.get(at..)).unwrap_or_default();
    version.iter().all(u8::is_ascii_digit) && sums.len() == 8 && sums.iter().all(u8::is_ascii_digit)
}

/// Whether a body would end its own frame: it holds `1C 0D`.
pub fn ends_a_frame(body: &[u8]) -> bool {
    memchr::memchr_iter(END, body).any(|at| body.get(at + 1) == Some(&CR))
}

/// Appends a framed body, for answers that are written together.
pub(crate) fn put_frame(out: &mut BytesMut, body: &[u8]) {
    out.reserve(HEAD.len() + body.len() + TAIL.len());
    out.put_slice(HEAD);
    out.put_slice(body);
    out.put_slice(TAIL);
}

/// Writes one frame with one system call where the kernel takes it whole, without copying the body.
pub(crate) async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    body: &[u8],
) -> io::Result<()> {
    let mut slices = [IoSlice::new(HEAD), IoSlice::new(body), IoSlice::new(TAIL)];
    let mut left = &mut slices[..];
    while !left.is_empty() {
        let written = stream.write_vectored(left).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_follow_a_byte_order_mark() {
        for bytes in [&b"MSH|"[..], b"FHS", b"BHS|^", b"\xEF\xBB\xBFMSH"] {
            assert_eq!(header(bytes), Opening::Header);
        }
        for bytes in [&b""[..], b"M", b"FH", b"\xEF", b"\xEF\xBB\xBF", b"\xEF\xBB\xBFMS"] {
            assert_eq!(header(bytes), Opening::Undecided);
        }
        for bytes in [&b"PID|"[..], b" MSH", b"MSA|", b"\xEF\xBB\xBFPID", b"\xEFMSH"] {
            assert_eq!(header(bytes), Opening::Other);
        }
    }

    #[test]
    fn other_protocols_are_named() {
        assert_eq!(opening(b"GET / HTTP/1.1"), Opening::Foreign("HTTP"));
        assert_eq!(opening(b"\x16\x03\x01\x02"), Opening::Foreign("TLS"));
        assert_eq!(opening(b"PO"), Opening::Undecided);
        assert_eq!(opening(b"PING"), Opening::Other);
    }

    #[test]
    fn hllp_is_known_by_its_ends() {
        assert!(looks_like_hllp(b"D22\rMSH|^~\\&|A\r00012345"));
        assert!(!looks_like_hllp(b"MSH|^~\\&|A\r00012345"));
        assert!(!looks_like_hllp(b"D22\rMSH|^~\\&|A\r"));
    }

    #[test]
    fn a_body_that_would_end_its_frame_is_found() {
        assert!(ends_a_frame(b"a\x1C\rb"));
        assert!(!ends_a_frame(b"a\x1Cb\r\x1C"));
    }

    #[tokio::test]
    async fn a_frame_is_written_whole_even_in_small_steps() {
        let (mut one, mut two) = tokio::io::duplex(3);
        let writer = tokio::spawn(async move { write_frame(&mut one, b"MSH|body").await });
        let mut got = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut two, &mut got).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(got, b"\x0BMSH|body\x1C\r");
    }
}
