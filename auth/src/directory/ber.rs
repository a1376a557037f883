//! Just enough of BER to say where an element ends, and whether a message of a server has the shape that LDAP gives it (RFC 4511, 4.1.1).
//!
//! The library behind trusts its server: it recurses as deep as what it reads, and panics when something is missing. So nothing reaches it
//! that was not looked at here.

/// The longest message that is read, bytes. A user in two thousand groups has 60 kB of them.
pub(super) const MESSAGE_MAX: usize = 1 << 20;

pub(super) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const CONTROLS: u8 = 0xa0;
const REFERRAL: u8 = 0xa3;

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To a bind.
    Bind,
    /// An entry of a search.
    Entry,
    /// The end of a search.
    Done,
    /// "Look elsewhere", which nobody does.
    Reference,
    /// To an extended request, which nobody makes.
    Extended,
    /// Something in between, which nobody has asked for.
    Intermediate,
}

impl Answer {
    fn of_tag(tag: u8) -> Option<Answer> {
        match tag {
            0x61 => Some(Answer::Bind),
            0x64 => Some(Answer::Entry),
            0x65 => Some(Answer::Done),
            0x73 => Some(Answer::Reference),
            0x78 => Some(Answer::Extended),
            0x79 => Some(Answer::Intermediate),
            _ => None,
        }
    }
}

/// The head of an element: its tag, the bytes of the head, and those of the content. `None` while bytes are missing.
pub(super) fn head(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, ()> {
    let (Some(tag), Some(first)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    // A tag of several bytes is in no message; neither is a length that is told at the end.
    if tag & 0x1f == 0x1f || *first == 0x80 {
        return Err(());
    }
    if *first < 0x80 {
        return Ok(Some((*tag, 2, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    if count > 4 {
        return Err(());
    }
    let Some(digits) = bytes.get(2..2 + count) else { return Ok(None) };
    let length = digits.iter().fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
    Ok(Some((*tag, 2 + count, length)))
}

/// The elements that some bytes consist of, one after the other.
pub(super) struct Elements<'a>(pub &'a [u8]);

impl<'a> Elements<'a> {
    /// The next one; `None` when there is none, or not a whole one.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, start, length) = head(self.0).ok()??;
        let content = self.0.get(start..start.checked_add(length)?)?;
        self.0 = self.0.get(start + length..)?;
        Some((tag, content))
    }

    /// The next one, which must have this tag.
    pub(super) fn take(&mut self, expected: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == expected).map(|(_, content)| content)
    }

    /// Every other one; each must pass.
    fn all(mut self, passes: impl Fn(u8, &'a [u8]) -> bool) -> bool {
        while !self.0.is_empty() {
            match self.next() {
                Some((tag, content)) if passes(tag, content) => {}
                Some(_) | None => return false,
            }
        }
        true
    }
}

/// What a whole message is; `None` when it is not of the shape that it must have.
pub(super) fn answer(message: &[u8]) -> Option<Answer> {
    let mut outer = Elements(message);
    let mut parts = Elements(outer.take(SEQUENCE)?);
    let number = parts.take(INTEGER)?;
    if !outer.0.is_empty() || !(1..=4).contains(&number.len()) {
        return None;
    }
    let (tag, content) = parts.next()?;
    let answer = Answer::of_tag(tag)?;
    if !parts.0.is_empty() && !controls(parts.take(CONTROLS)?) || !parts.0.is_empty() {
        return None;
    }
    let right = match answer {
        Answer::Bind | Answer::Done | Answer::Extended => result(content),
        Answer::Entry => entry(content).is_some(),
        Answer::Reference => Elements(content).all(|tag, text| tag == OCTETS && is_text(text)),
        Answer::Intermediate => true,
    };
    right.then_some(answer)
}

fn result(content: &[u8]) -> bool {
    let mut parts = Elements(content);
    let whole = parts.take(ENUMERATED).is_some_and(|code| (1..=4).contains(&code.len()))
        && parts.take(OCTETS).is_some_and(is_text)
        && parts.take(OCTETS).is_some_and(is_text);
    whole
        && parts.all(|tag, content| match tag {
            REFERRAL => Elements(content).all(|tag, text| tag == OCTETS && is_text(text)),
            // Credentials of SASL, name and value of an extended answer.
            0x87 | 0x8a | 0x8b => is_text(content),
            _ => false,
        })
}

fn entry(content: &[u8]) -> Option<()> {
    let mut parts = Elements(content);
    parts.take(OCTETS).filter(|name| is_text(name))?;
    let attributes = Elements(parts.take(SEQUENCE)?);
    let attribute = |tag: u8, content| {
        let mut parts = Elements(content);
        let name = parts.take(OCTETS).is_some_and(is_text);
        let values = parts.take(SET).is_some_and(|set| Elements(set).all(|tag, _| tag == OCTETS));
        tag == SEQUENCE && name && values && parts.0.is_empty()
    };
    (attributes.all(attribute) && parts.0.is_empty()).then_some(())
}

fn controls(content: &[u8]) -> bool {
    Elements(content).all(|tag, content| {
        let mut parts = Elements(content);
        let name = parts.take(OCTETS).is_some_and(is_text);
        let rest = parts.all(|tag, content| match tag {
            BOOLEAN => content.len() == 1,
            OCTETS => true,
            _ => false,
        });
        tag == SEQUENCE && name && rest
    })
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIND: &[u8] = &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0];
    const ENTRY: &[u8] = &[
        0x30, 20, 2, 1, 2, 0x64, 15, 4, 1, b'd', 0x30, 10, 0x30, 8, 4, 1, b'a', 0x31, 3, 4, 1, b'v',
    ];

    #[test]
    fn messages_of_the_right_shape_pass() {
        assert_eq!(answer(BIND), Some(Answer::Bind));
        assert_eq!(answer(ENTRY), Some(Answer::Entry));
    }

    #[test]
    fn no_cut_and_no_changed_byte_makes_the_reader_fail() {
        for message in [BIND, ENTRY] {
            for at in 0..message.len() {
                assert_eq!(answer(&message[..at]), None, "cut at {at}");
                for byte in 0..=255 {
                    let mut changed = message.to_vec();
                    changed[at] = byte;
                    let _ = answer(&changed);
                }
            }
        }
    }

    #[test]
    fn nesting_without_end_is_refused_and_not_followed() {
        let mut deep = Vec::new();
        for _ in 0..100_000 {
            let length = u32::try_from(deep.len()).unwrap().to_be_bytes();
            deep.splice(0..0, [&[0x30, 0x84][..], &length].concat());
            if deep.len() > 60_000 {
                break;
            }
        }
        assert_eq!(answer(&deep), None);
        assert_eq!(head(&[0x30, 0x80]), Err(()));
        assert_eq!(head(&[0x3f, 0x01]), Err(()));
        assert_eq!(head(&[0x30, 0x85, 0, 0, 0, 0, 1]), Err(()));
    }
}
