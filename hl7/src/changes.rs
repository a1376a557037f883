//! Differences as people read them: what was changed, added, removed, and which repetitions have only moved.

use crate::difference::{Difference, differences};
use crate::message::Message;
use crate::outline::NodeLevel;
use crate::path::Path;

/// What became of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathChangeKind {
    /// Another value stands there.
    Changed,
    /// Nothing stood there.
    Added,
    /// Nothing stands there any more.
    Removed,
    /// The same stood at another place.
    Moved,
}

impl PathChangeKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            PathChangeKind::Changed => "changed",
            PathChangeKind::Added => "added",
            PathChangeKind::Removed => "removed",
            PathChangeKind::Moved => "moved",
        }
    }
}

/// A place at which two messages differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    /// Where.
    pub path: String,
    /// How.
    pub kind: PathChangeKind,
    /// What stood there, as it was sent; of what has moved, where it stood.
    pub before: Option<String>,
    /// What stands there; of what has moved, where that is.
    pub after: Option<String>,
}

/// The repetitions of a field: its path without a number, and each with its bytes.
struct Repeated {
    field: String,
    values: Vec<Vec<u8>>,
}

/// The differences of two messages, in their order; repetitions that are the same at another place have moved.
pub fn changes(before: &Message, after: &Message) -> Vec<PathChange> {
    let mut changes: Vec<PathChange> = differences(before, after).into_iter().map(change).collect();
    let (old, new) = (repeated(before), repeated(after));
    for now in &new {
        let Some(was) = old.iter().find(|was| was.field == now.field) else { continue };
        let told = moves(was, now);
        if told.is_empty() {
            continue;
        }
        let is_of_field = |change: &PathChange| of_field(&change.path, &now.field);
        let place = changes.iter().position(is_of_field).unwrap_or(changes.len());
        let kept: Vec<PathChange> = changes
            .iter()
            .filter(|change| is_of_field(change) && !is_told(change, &told))
            .cloned()
            .collect();
        changes.retain(|change| !is_of_field(change));
        let place = place.min(changes.len());
        changes.splice(place..place, told.into_iter().chain(kept));
    }
    changes
}

fn change(found: Difference) -> PathChange {
    let Difference { path, before, after } = found;
    let is_there = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    let kind = match (is_there(&before), is_there(&after)) {
        (false, true) => PathChangeKind::Added,
        (true, false) => PathChangeKind::Removed,
        _ if path == "segments" => PathChangeKind::Moved,
        _ => PathChangeKind::Changed,
    };
    PathChange { path, kind, before, after }
}

/// The fields that have several repetitions, or one.
fn repeated(message: &Message) -> Vec<Repeated> {
    let mut fields: Vec<Repeated> = Vec::new();
    for node in message.outline() {
        let Some(path) = &node.path else { continue };
        match node.level {
            NodeLevel::Field => {
                let field = Path { repetition: crate::Repetition::First, ..path.clone() };
                let values = if path.repetition == crate::Repetition::All {
                    Vec::new()
                } else {
                    vec![node.value.to_vec()]
                };
                fields.push(Repeated { field: field.to_string(), values });
            }
            NodeLevel::Repetition => {
                if let Some(last) = fields.last_mut() {
                    last.values.push(node.value.to_vec());
                }
            }
            NodeLevel::Segment | NodeLevel::Component | NodeLevel::Subcomponent => {}
        }
    }
    fields
}

/// What has moved; then what of the others has no partner at its own place.
fn moves(was: &Repeated, now: &Repeated) -> Vec<PathChange> {
    let (old, new) = (&was.values, &now.values);
    if old.len() < 2 && new.len() < 2 {
        return Vec::new();
    }
    let mut taken: Vec<bool> = old.iter().zip(new).map(|(old, new)| old == new).collect();
    taken.resize(old.len(), false);
    let mut told = Vec::new();
    let mut placed = vec![false; new.len()];
    for (to, value) in new.iter().enumerate() {
        if value.is_empty() || old.get(to) == Some(value) {
            placed[to] = true;
            continue;
        }
        let from = old.iter().enumerate().position(|(from, old)| !taken[from] && old == value);
        if let Some(from) = from {
            taken[from] = true;
            placed[to] = true;
            let path = |at: usize| format!("{}[{}]", now.field, at + 1);
            told.push(PathChange {
                path: path(to),
                kind: PathChangeKind::Moved,
                before: Some(path(from)),
                after: Some(path(to)),
            });
        }
    }
    if told.is_empty() {
        return told;
    }
    let text = |value: &Vec<u8>| Some(String::from_utf8_lossy(value).into_owned());
    for (at, value) in new.iter().enumerate() {
        let stood_here = old.get(at).is_some() && !taken.get(at).copied().unwrap_or(true);
        if !placed[at] && !stood_here {
            let path = format!("{}[{}]", now.field, at + 1);
            let kind = PathChangeKind::Added;
            told.push(PathChange { path, kind, before: None, after: text(value) });
        }
    }
    for (at, value) in old.iter().enumerate() {
        let another_here = new.get(at).is_some() && !placed.get(at).copied().unwrap_or(true);
        if !taken[at] && !value.is_empty() && !another_here {
            let path = format!("{}[{}]", now.field, at + 1);
            let kind = PathChangeKind::Removed;
            told.push(PathChange { path, kind, before: text(value), after: None });
        }
    }
    told
}

/// Whether a path lies in a field.
fn of_field(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

/// Whether a difference is of a repetition whose place was explained already, new or old.
fn is_told(change: &PathChange, told: &[PathChange]) -> bool {
    let inside = |whole: &str| of_field(&change.path, whole);
    // What is explained elsewhere leaves nothing to say at the place it left, unless another value stands there.
    let explained = told.iter().any(|one| {
        inside(&one.path)
            || one.kind == PathChangeKind::Moved
                && one.before.as_deref().is_some_and(inside)
                && change.kind == PathChangeKind::Removed
    });
    explained || !change.path.contains('[')
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
        changes(&message(before), &message(after))
            .iter()
            .map(|one| {
                let (before, after) = (shown(&one.before), shown(&one.after));
                format!("{} {}: {before} -> {after}", one.kind.as_str(), one.path)
            })
            .collect()
    }

    #[test]
    fn what_stands_at_another_place_has_moved() {
        assert_eq!(
            told("PID|1||7^^^H~8^^^I", "PID|1||8^^^I~7^^^H"),
            ["moved PID-3[1]: PID-3[2] -> PID-3[1]", "moved PID-3[2]: PID-3[1] -> PID-3[2]"]
        );
        assert_eq!(
            told("PID|1||7~8", "PID|1||9~7~8"),
            [
                "moved PID-3[2]: PID-3[1] -> PID-3[2]",
                "moved PID-3[3]: PID-3[2] -> PID-3[3]",
                "added PID-3[1]: nothing -> 9"
            ]
        );
        assert_eq!(
            told("PID|1||7~8", "PID|1||8"),
            ["moved PID-3[1]: PID-3[2] -> PID-3[1]", "removed PID-3[1]: 7 -> nothing"]
        );
    }

    #[test]
    fn everything_else_is_changed_added_or_removed() {
        assert_eq!(told("PID|1||7^^^H~8", "PID|1||7^^^H~9"), ["changed PID-3[2]: 8 -> 9"]);
        assert_eq!(told("PID|1||||A", "PID|1||||A^B"), ["added PID-5.2: nothing -> B"]);
        assert_eq!(told("OBX|1\rNTE|1", "OBX|1"), ["removed NTE: NTE|1 -> nothing"]);
        assert_eq!(
            told("PID|1\rPV1|1", "PV1|1\rPID|1"),
            ["moved segments: MSH PID PV1 -> MSH PV1 PID"]
        );
        assert_eq!(told("PID|1", "PID|1"), [""; 0]);
    }
}
