//! A message as a list of its parts, for people to look at.

use std::ops::Range;

use crate::{
    message::{Message, Segment},
    path::{Occurrence, Path, Repetition, SegmentName},
};

/// What a part is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum NodeLevel {
    Segment,
    Field,
    Repetition,
    Component,
    Subcomponent,
}

/// One part of a message.
#[derive(Clone)]
pub struct Node<'a> {
    /// What it is.
    pub level: NodeLevel,
    /// How to address it; `None` for a line whose name no path can have.
    pub path: Option<Path>,
    /// Where it is in the message.
    pub range: Range<usize>,
    /// Its bytes.
    pub value: &'a [u8],
    /// Whether parts of it follow in the list.
    pub has_parts: bool,
}

impl Message {
    /// Every part in the order of the bytes, each before its own parts. A part that is not divided is listed once:
    /// a field that is one plain value has no repetition, component or subcomponent below it.
    pub fn outline(&self) -> impl Iterator<Item = Node<'_>> {
        self.segments().flat_map(|segment| Outliner::new(self, segment).list())
    }
}

struct Outliner<'a> {
    message: &'a Message,
    segment: Segment<'a>,
    path: Option<Path>,
    nodes: Vec<Node<'a>>,
}

impl<'a> Outliner<'a> {
    fn new(message: &'a Message, segment: Segment<'a>) -> Outliner<'a> {
        let name = std::str::from_utf8(segment.name).ok().and_then(SegmentName::new);
        let path = name.map(|name| {
            let path = Path::of_segment(name);
            if segment.occurrence == 1 { path } else { path.at(segment.occurrence) }
        });
        // A path counts to 9,999: a segment after that is listed without one.
        let path = path.filter(|path| !matches!(path.occurrence, Occurrence::Nth(10_000..)));
        Outliner { message, segment, path, nodes: Vec::new() }
    }

    fn list(mut self) -> Vec<Node<'a>> {
        let range = self.segment.start..self.segment.start + self.segment.bytes.len();
        let fields = self.message.fields_of_segment(self.segment.index);
        self.push(NodeLevel::Segment, self.path.clone(), range, !fields.is_empty());
        for (number, field, is_atom) in fields {
            let path =
                u16::try_from(number).ok().filter(|number| *number <= 999).and_then(|number| {
                    self.path.clone().map(|path| Path { field: Some(number), ..path })
                });
            self.field(path, field, is_atom);
        }
        self.nodes
    }

    fn field(&mut self, path: Option<Path>, range: Range<usize>, is_atom: bool) {
        let repetitions = match is_atom {
            true => Vec::new(),
            false => self.message.parts_at(range.clone(), NodeLevel::Repetition),
        };
        match repetitions.as_slice() {
            [] => self.push(NodeLevel::Field, path, range, false),
            [_] => self.repetition(NodeLevel::Field, path, range),
            _ => {
                let whole = path.clone().map(|path| Path { repetition: Repetition::All, ..path });
                self.push(NodeLevel::Field, whole, range, true);
                for (at, repetition) in repetitions.into_iter().enumerate() {
                    let path = numbered(at, 9_999)
                        .zip(path.clone())
                        .map(|(number, path)| Path { repetition: Repetition::Nth(number), ..path });
                    self.repetition(NodeLevel::Repetition, path, repetition);
                }
            }
        }
    }

    fn repetition(&mut self, level: NodeLevel, path: Option<Path>, range: Range<usize>) {
        let components = self.message.parts_at(range.clone(), NodeLevel::Component);
        if components.len() == 1
            && self.message.parts_at(range.clone(), NodeLevel::Subcomponent).len() == 1
        {
            return self.push(level, path, range, false);
        }
        self.push(level, path.clone(), range, true);
        for (at, component) in components.into_iter().enumerate() {
            let path = numbered(at, 999)
                .zip(path.clone())
                .map(|(number, path)| Path { component: Some(number), ..path });
            self.component(path, component);
        }
    }

    fn component(&mut self, path: Option<Path>, range: Range<usize>) {
        let subcomponents = self.message.parts_at(range.clone(), NodeLevel::Subcomponent);
        let divided = subcomponents.len() > 1;
        self.push(NodeLevel::Component, path.clone(), range, divided);
        for (at, subcomponent) in subcomponents.into_iter().enumerate().filter(|_| divided) {
            let path = numbered(at, 999)
                .zip(path.clone())
                .map(|(number, path)| Path { subcomponent: Some(number), ..path });
            self.push(NodeLevel::Subcomponent, path, subcomponent, false);
        }
    }

    fn push(&mut self, level: NodeLevel, path: Option<Path>, range: Range<usize>, has_parts: bool) {
        let value = &self.message.as_bytes()[range.clone()];
        self.nodes.push(Node { level, path, range, value, has_parts });
    }
}

/// The number of the part at a position, when a path can say it.
fn numbered(at: usize, max: u16) -> Option<u16> {
    u16::try_from(at + 1).ok().filter(|number| *number <= max)
}

#[cfg(test)]
mod tests {
    use crate::{Message, ParseOptions};

    #[test]
    fn every_part_has_the_path_that_reads_it() {
        let bytes = &b"\nMSH|^~\\&|A\rPID|1||7^^^H&1~8\r\rOBX\rPID|2\rjunk|x"[..];
        let message = Message::parse(bytes, &ParseOptions::default());
        let mut paths = Vec::new();
        for node in message.outline() {
            assert_eq!(&bytes[node.range.clone()], node.value);
            if let Some(path) = &node.path {
                if path.repetition != crate::Repetition::All {
                    assert_eq!(message.raw(path), Some(node.value), "{path}");
                }
                paths.push(path.to_string());
            }
        }
        let expected = "MSH MSH-1 MSH-2 MSH-3 PID PID-1 PID-2 PID-3[*] PID-3[1] PID-3[1].1 PID-3[1].2 PID-3[1].3 \
                        PID-3[1].4 PID-3[1].4.1 PID-3[1].4.2 PID-3[2] OBX PID[2] PID[2]-1";
        assert_eq!(paths.join(" "), expected);
    }
}
