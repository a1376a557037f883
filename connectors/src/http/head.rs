//! The head of a request, read strictly: what two programs read differently is how a request is smuggled past one of them.

use httparse::{EMPTY_HEADER, Error};

use super::refusal::Refusal;

/// The longest head, request line included.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most fields in a head.
const FIELDS_MAX: usize = 64;

/// A head that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The method, as it was sent.
    pub(super) method: String,
    /// The path, without the query.
    pub(super) path: String,
    /// How the body ends.
    pub(super) length: Length,
    /// The connection is to be closed after the answer.
    pub(super) close: bool,
    /// The body is sent once we say that we want it.
    pub(super) awaits_continue: bool,
    fields: Vec<(String, Vec<u8>)>,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Not at all: there is none.
    None,
    /// After so many bytes.
    Bytes(u64),
    /// By an empty chunk.
    Chunks,
}

impl Head {
    /// Where the head at the start of `bytes` ends; none as long as more is needed.
    ///
    /// Every line ends with CR LF, and neither of the two stands anywhere else; a stricter reading than most programs', and so
    /// one that none of them can be played off against.
    pub(super) fn end(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let mut line = 0;
        for at in memchr::memchr3_iter(b'\n', b'\r', 0, bytes) {
            match (bytes.get(at), at.checked_sub(1).and_then(|before| bytes.get(before))) {
                (Some(b'\n'), Some(b'\r')) if at == line + 1 => return fits(at + 1).map(Some),
                (Some(b'\n'), Some(b'\r')) => line = at + 1,
                (Some(b'\r'), _) if bytes.get(at + 1).is_none_or(|next| *next == b'\n') => {}
                _ => return Err(Refusal::Malformed),
            }
        }
        fits(bytes.len()).map(|_| None)
    }

    /// Reads a whole head.
    pub(super) fn read(bytes: &[u8]) -> Result<Head, Refusal> {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(status) if status.is_complete() => {}
            Err(Error::TooManyHeaders) => return Err(Refusal::TooManyFields),
            Err(Error::Version) => return Err(Refusal::Version),
            Ok(_) | Err(_) => return Err(Refusal::Malformed),
        }
        if request.version != Some(1) {
            return Err(Refusal::Version);
        }
        let fields: Vec<(String, Vec<u8>)> = request
            .headers
            .iter()
            .map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()))
            .collect();
        let mut head = Head {
            method: request.method.unwrap_or_default().to_owned(),
            path: path_of(request.path.unwrap_or_default()).to_owned(),
            length: Length::None,
            close: false,
            awaits_continue: false,
            fields,
        };
        head.length = head.read_length()?;
        head.close = head.says_close();
        head.awaits_continue = head.read_expectation()?;
        match head.values("host").count() {
            1 => Ok(head),
            _ => Err(Refusal::Host),
        }
    }

    /// The value of a field that is there exactly once.
    pub(super) fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.values(name);
        let first = values.next();
        first.filter(|_| values.next().is_none())
    }

    /// Whether a field is there at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields.iter().filter(move |field| field.0 == name).map(|field| field.1.as_slice())
    }

    fn says_close(&self) -> bool {
        self.values("connection").any(|value| names(value, b"close"))
    }

    fn read_length(&self) -> Result<Length, Refusal> {
        let said = (self.has("content-length"), self.has("transfer-encoding"));
        match said {
            (false, false) => Ok(Length::None),
            (true, true) => Err(Refusal::AmbiguousLength),
            (true, false) => {
                let value = self.only("content-length").ok_or(Refusal::AmbiguousLength)?;
                decimal(value).map(Length::Bytes).ok_or(Refusal::AmbiguousLength)
            }
            (false, true) => match self.only("transfer-encoding") {
                Some(value) if value.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunks),
                Some(_) => Err(Refusal::TransferCoding),
                None => Err(Refusal::AmbiguousLength),
            },
        }
    }

    fn read_expectation(&self) -> Result<bool, Refusal> {
        match (self.has("expect"), self.only("expect")) {
            (false, _) => Ok(false),
            (true, Some(value)) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
            (true, _) => Err(Refusal::Expectation),
        }
    }
}

fn fits(length: usize) -> Result<usize, Refusal> {
    if length > HEAD_BYTES_MAX { Err(Refusal::HeadTooLong) } else { Ok(length) }
}

/// The path of a target, which may be written with its scheme and host; what follows a `?` is nobody's business here.
fn path_of(target: &str) -> &str {
    let local = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    };
    local.split('?').next().unwrap_or(local)
}

/// Whether a list of words has this one.
fn names(list: &[u8], word: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|entry| entry.trim_ascii().eq_ignore_ascii_case(word))
}

/// Digits only: no sign, no space, no list.
fn decimal(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, Refusal> {
        let end = Head::end(text.as_bytes())?.expect("a whole head");
        Head::read(&text.as_bytes()[..end])
    }

    fn post(fields: &str) -> Result<Head, Refusal> {
        read(&format!("POST /adt HTTP/1.1\r\nHost: x\r\n{fields}\r\n"))
    }

    #[test]
    fn a_head_ends_at_its_empty_line_and_not_before() {
        let text = b"POST / HTTP/1.1\r\nHost: x\r\n\r\nbody";
        for length in 0..text.len() {
            let end = (length >= 28).then_some(28);
            assert_eq!(Head::end(&text[..length]), Ok(end), "{length}");
        }
        for bad in ["POST / HTTP/1.1\n", "POST / HTTP/1.1\r\nA: b\n", "A\rB", "A\0"] {
            assert_eq!(Head::end(bad.as_bytes()), Err(Refusal::Malformed), "{bad:?}");
        }
        let long = format!("POST / HTTP/1.1\r\nA: {}", "a".repeat(17 << 10));
        assert_eq!(Head::end(long.as_bytes()), Err(Refusal::HeadTooLong));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let many = "A: b\r\n".repeat(100);
        for (fields, refusal) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", Refusal::AmbiguousLength),
            ("Content-Length: 3\r\nContent-Length: 3\r\n", Refusal::AmbiguousLength),
            ("Content-Length: 3, 3\r\n", Refusal::AmbiguousLength),
            ("Content-Length: +3\r\n", Refusal::AmbiguousLength),
            ("Content-Length: \r\n", Refusal::AmbiguousLength),
            ("Content-Length: 99999999999999999999\r\n", Refusal::AmbiguousLength),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Refusal::AmbiguousLength,
            ),
            ("Transfer-Encoding: gzip, chunked\r\n", Refusal::TransferCoding),
            ("Content-Length : 3\r\n", Refusal::Malformed),
            ("A: b\r\n  folded\r\n", Refusal::Malformed),
            ("no colon\r\n", Refusal::Malformed),
            ("Host: y\r\n", Refusal::Host),
            ("Expect: wonders\r\n", Refusal::Expectation),
            (many.as_str(), Refusal::TooManyFields),
        ] {
            assert_eq!(post(fields).unwrap_err(), refusal, "{fields:?}");
        }
        for (line, refusal) in [
            ("POST /adt HTTP/1.0", Refusal::Version),
            ("PRI * HTTP/2.0", Refusal::Version),
            ("POST  /adt HTTP/1.1", Refusal::Malformed),
            ("POST", Refusal::Malformed),
        ] {
            assert_eq!(read(&format!("{line}\r\nHost: x\r\n\r\n")).unwrap_err(), refusal, "{line}");
        }
    }

    #[test]
    fn a_head_says_where_its_body_ends_and_whether_the_connection_does() {
        let head = post("Content-Length: 12\r\nConnection: TE, Close\r\nExpect: 100-Continue\r\n");
        let head = head.unwrap();
        assert_eq!(
            (head.length, head.close, head.awaits_continue),
            (Length::Bytes(12), true, true)
        );
        let head = post("transfer-encoding: Chunked\r\n").unwrap();
        assert_eq!((head.length, head.close, head.awaits_continue), (Length::Chunks, false, false));
    }

    #[test]
    fn a_path_is_what_stands_before_the_query() {
        for (target, path) in [
            ("/adt?token=x", "/adt"),
            ("http://other/adt?x", "/adt"),
            ("http://other", "/"),
            ("//adt", "//adt"),
            ("/a://b", "/a://b"),
            ("*", "*"),
        ] {
            assert_eq!(path_of(target), path, "{target}");
        }
    }
}
