//! The values of a message one by one, each with its place.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use hl7::{Message, NodeLevel};

use crate::date;

/// One value: what is not divided any further.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) place: Place,
    /// Where it is in the message.
    pub(crate) range: Range<usize>,
    /// Field 1 or 2 of a header: made of delimiters.
    pub(crate) is_delimiters: bool,
}

/// Where a value stands. Everything is counted from 1; field 0 is what stands where a segment's name should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Position of the segment in the message, from 0.
    pub(crate) index: usize,
    /// The segment's name; empty when that is none, so that it cannot show data.
    pub(crate) segment: String,
    pub(crate) occurrence: usize,
    pub(crate) field: usize,
    pub(crate) repetition: usize,
    pub(crate) component: usize,
    pub(crate) subcomponent: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segment.is_empty() || self.field == 0 {
            return write!(f, "line {}", self.index + 1);
        }
        f.write_str(&self.segment)?;
        if self.occurrence > 1 {
            write!(f, "[{}]", self.occurrence)?;
        }
        write!(f, "-{}", self.field)?;
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 1 || self.subcomponent > 1 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 1 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

/// All values, in the order of the bytes.
pub(crate) fn parts(message: &Message) -> Vec<Part> {
    let mut segments = message.segments();
    let mut walker = Walker { place: Place::start(), parts: Vec::new() };
    for node in message.outline() {
        if node.level == NodeLevel::Segment {
            let Some(segment) = segments.next() else { break };
            walker.segment(&segment);
        } else {
            walker.node(node.level, node.range, node.has_parts);
        }
    }
    walker.parts
}

impl Place {
    fn start() -> Place {
        Place {
            index: 0,
            segment: String::new(),
            occurrence: 1,
            field: 0,
            repetition: 1,
            component: 1,
            subcomponent: 1,
        }
    }
}

struct Walker {
    place: Place,
    parts: Vec<Part>,
}

impl Walker {
    fn segment(&mut self, segment: &hl7::Segment<'_>) {
        let name = std::str::from_utf8(segment.name).ok().and_then(hl7::SegmentName::new);
        self.place = Place {
            index: segment.index,
            segment: name.map(|name| name.to_string()).unwrap_or_default(),
            occurrence: segment.occurrence,
            ..Place::start()
        };
        // A line that is no segment, or a lone word that may be a part of a text.
        let alone = segment.bytes.len() == segment.name.len();
        let is_name = match name {
            None => false,
            Some(name) => {
                !alone || crate::segments::is_known(name.as_str()) || segment.name.starts_with(b"Z")
            }
        };
        if !is_name && !segment.name.is_empty() {
            self.push(segment.start..segment.start + segment.name.len());
        }
    }

    fn node(&mut self, level: NodeLevel, range: Range<usize>, has_parts: bool) {
        let place = &mut self.place;
        match level {
            NodeLevel::Segment => {}
            NodeLevel::Field => {
                (place.field, place.repetition) = (place.field + 1, 0);
                (place.component, place.subcomponent) = (0, 0);
            }
            NodeLevel::Repetition => {
                (place.repetition, place.component, place.subcomponent) =
                    (place.repetition + 1, 0, 0);
            }
            NodeLevel::Component => {
                (place.component, place.subcomponent) = (place.component + 1, 0);
            }
            NodeLevel::Subcomponent => place.subcomponent += 1,
        }
        if !has_parts {
            self.push(range);
        }
    }

    fn push(&mut self, range: Range<usize>) {
        let place = Place {
            repetition: self.place.repetition.max(1),
            component: self.place.component.max(1),
            subcomponent: self.place.subcomponent.max(1),
            ..self.place.clone()
        };
        let is_header = matches!(place.segment.as_str(), "MSH" | "FHS" | "BHS");
        let is_delimiters = is_header && matches!(place.field, 1 | 2);
        self.parts.push(Part { place, range, is_delimiters });
    }
}

/// A value as text, unescaped; whether all its bytes are characters of the message's charset.
pub(crate) fn text<'a>(message: &'a Message, range: &Range<usize>) -> (Cow<'a, str>, bool) {
    let bytes = message.as_bytes().get(range.clone()).unwrap_or_default();
    let charset = message.charset();
    match hl7::unescape(bytes, message.delimiters(), charset) {
        Cow::Borrowed(bytes) => match charset.decode(bytes) {
            Ok(text) => (text, true),
            Err(_) => (charset.decode_lossy(bytes), false),
        },
        Cow::Owned(bytes) => match charset.decode(&bytes) {
            Ok(text) => (Cow::Owned(text.into_owned()), true),
            Err(_) => (Cow::Owned(charset.decode_lossy(&bytes).into_owned()), false),
        },
    }
}

/// The values of one repetition of a field.
#[derive(Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) message: &'a Message,
    pub(crate) parts: &'a [Part],
}

impl<'a> Group<'a> {
    /// The text of a component; of its first subcomponent when it is divided.
    pub(crate) fn text(&self, component: usize) -> Cow<'a, str> {
        let part = self.parts.iter().find(|part| part.place.component == component);
        part.map_or(Cow::Borrowed(""), |part| text(self.message, &part.range).0)
    }

    /// Whether anything was sent there.
    pub(crate) fn has(&self, component: usize) -> bool {
        self.parts.iter().any(|part| part.place.component == component && !part.range.is_empty())
    }

    /// Whether the component has subcomponents.
    pub(crate) fn is_divided(&self, component: usize) -> bool {
        self.parts.iter().filter(|part| part.place.component == component).count() > 1
    }

    /// Whether the component begins with a day.
    pub(crate) fn is_date(&self, component: usize) -> bool {
        date::names_a_day(&self.text(component))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hl7::ParseOptions;

    #[test]
    fn every_value_has_a_place() {
        let bytes = &b"MSH|^~\\&|A\rPID|1||7^^^H&1~8\rPID|2\rSmith, John\rLEE\rZZZ\r"[..];
        let message = Message::parse(bytes, &ParseOptions::default());
        let found: Vec<String> =
            parts(&message).iter().map(|part| part.place.to_string()).collect();
        let expected = "MSH-1 MSH-2 MSH-3 PID-1 PID-2 PID-3 PID-3.2 PID-3.3 PID-3.4 PID-3.4.2 PID-3[2] PID[2]-1";
        assert_eq!(found.join(" "), format!("{expected} line 4 line 5"));
    }
}
