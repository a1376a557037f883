//! Where two messages differ, field by field: what people ask of a test that fails and of a change that is to be applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::message::Message;
use crate::outline::{Node, NodeLevel};
use crate::path::{Path, Repetition};

/// A place at which two messages differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: a value, a whole segment that only one of them has, or `segments` when their order differs.
    pub path: String,
    /// What stands in the first, as it was sent; none when there is no such place.
    pub before: Option<String>,
    /// The same of the second.
    pub after: Option<String>,
}

/// A value within a segment: field, repetition, component, subcomponent, each from 1. A plain value is its own first part.
type Key = (u16, u16, u16, u16);

/// The segment of a name and occurrence.
type SegmentKey<'a> = (&'a [u8], usize);

/// The differences of two messages, in the order of the second and then of the first. How segments end is none.
pub fn differences(before: &Message, after: &Message) -> Vec<Difference> {
    let (old, new) = (values(before), values(after));
    let (old_order, new_order) = (order(before), order(after));
    let mut found = Vec::new();
    for key in &new_order {
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => of_values((before, old), (after, new), &mut found),
            _ => found.push(Difference {
                path: named(*key),
                before: None,
                after: segment(after, *key),
            }),
        }
    }
    for key in old_order.iter().filter(|key| !new.contains_key(*key)) {
        found.push(Difference { path: named(*key), before: segment(before, *key), after: None });
    }
    let common = |order: &[SegmentKey<'_>]| -> Vec<String> {
        let both = order.iter().filter(|key| old.contains_key(*key) && new.contains_key(*key));
        both.map(|key| named(*key)).collect()
    };
    let (was, is) = (common(&old_order), common(&new_order));
    if was != is {
        let (before, after) = (Some(was.join(" ")), Some(is.join(" ")));
        found.push(Difference { path: "segments".to_owned(), before, after });
    }
    found
}

fn of_values<'a>(
    (before, old): (&Message, &BTreeMap<Key, Node<'a>>),
    (after, new): (&Message, &BTreeMap<Key, Node<'a>>),
    found: &mut Vec<Difference>,
) {
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (was, is) = (old.get(key), new.get(key));
        let bytes = |node: Option<&Node<'a>>| node.map_or(&b""[..], |node| node.value);
        if bytes(was) == bytes(is) {
            continue;
        }
        // The side that has more parts says the place more exactly.
        let deeper = [is, was].into_iter().flatten().max_by_key(|node| node.level);
        let path = deeper.and_then(|node| node.path.as_ref()).map(Path::to_string);
        let text = |message: &Message, node: Option<&Node<'a>>| {
            node.map(|node| message.charset().decode_lossy(node.value).into_owned())
        };
        found.push(Difference {
            path: path.unwrap_or_default(),
            before: text(before, was),
            after: text(after, is),
        });
    }
}

/// The undivided values of every segment.
fn values(message: &Message) -> HashMap<SegmentKey<'_>, BTreeMap<Key, Node<'_>>> {
    let mut all: HashMap<SegmentKey<'_>, BTreeMap<Key, Node<'_>>> = HashMap::new();
    let mut segments = message.segments();
    let mut current = None;
    for node in message.outline() {
        if node.level == NodeLevel::Segment {
            current = segments.next().map(|segment| (segment.name, segment.occurrence));
            if let Some(key) = current {
                all.entry(key).or_default();
            }
        }
        let (Some(segment), Some(path)) = (current, &node.path) else { continue };
        if !node.has_parts && path.field.is_some() {
            let key = key_of(path);
            all.entry(segment).or_default().insert(key, node);
        }
    }
    all
}

fn key_of(path: &Path) -> Key {
    let repetition = match path.repetition {
        Repetition::Nth(n) => n,
        Repetition::First | Repetition::All | Repetition::Where { .. } => 1,
    };
    let or_first = |number: Option<u16>| number.unwrap_or(1);
    (path.field.unwrap_or(0), repetition, or_first(path.component), or_first(path.subcomponent))
}

fn order(message: &Message) -> Vec<SegmentKey<'_>> {
    let segments = message.segments().filter(|segment| !segment.bytes.is_empty());
    segments.map(|segment| (segment.name, segment.occurrence)).collect()
}

fn segment(message: &Message, (name, occurrence): SegmentKey<'_>) -> Option<String> {
    let mut segments = message.segments();
    let found = segments.find(|one| one.name == name && one.occurrence == occurrence)?;
    Some(message.charset().decode_lossy(found.bytes).into_owned())
}

fn named((name, occurrence): SegmentKey<'_>) -> String {
    let name = String::from_utf8_lossy(name);
    if occurrence == 1 { name.into_owned() } else { format!("{name}[{occurrence}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> Vec<String> {
        let message = |segments: &str| {
            let text = format!("MSH|^~\\&|A\r{segments}");
            Message::parse(text.into_bytes(), &crate::ParseOptions::default())
        };
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        differences(&message(before), &message(after))
            .iter()
            .map(|one| format!("{}: {} -> {}", one.path, shown(&one.before), shown(&one.after)))
            .collect()
    }

    #[test]
    fn values_are_compared_at_their_smallest_parts() {
        assert_eq!(told("PID|1||7^^^H~8||A^B", "PID|1||7^^^H~9||A^B"), ["PID-3[2]: 8 -> 9"]);
        assert_eq!(told("PID|1||||A", "PID|1||||A^B"), ["PID-5.2: nothing -> B"]);
        assert_eq!(told("PID|1||||A&B", "PID|1||||A&C"), ["PID-5.1.2: B -> C"]);
        assert_eq!(told("PID|1||||", "PID|1"), [""; 0], "what is empty is not there");
        assert_eq!(told("PID|1\rPV1|2\r", "PID|1\rPV1|2"), [""; 0], "how a segment ends is none");
    }

    #[test]
    fn segments_come_and_go() {
        assert_eq!(
            told("OBX|1\rOBX|2\rZPI|x", "OBX|1\rNTE|1"),
            ["NTE: nothing -> NTE|1", "OBX[2]: OBX|2 -> nothing", "ZPI: ZPI|x -> nothing"]
        );
        assert_eq!(told("PID|1\rPV1|1", "PV1|1\rPID|1"), ["segments: MSH PID PV1 -> MSH PV1 PID"]);
    }
}
