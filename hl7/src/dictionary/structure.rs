//! The order in which segments may stand, and how often.

use super::{Dictionary, Version};

/// No structure nests deeper; a circle in the tables would end here.
const DEPTH_MAX: usize = 20;

/// What a message or a group consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    /// One of the parts instead of all of them in order.
    choice: bool,
    parts: Vec<Part>,
}

/// A segment or a group (`@NAME`) in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: &'static str,
    least: usize,
    /// None for as many as there are.
    most: Option<usize>,
}

/// Something that is not where the structure has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misplaced {
    /// A segment, or a group that begins with it, must be there and is not; with the position among the segments where it should stand.
    Missing(&'static str, usize),
    /// The segment at this position stands where none of its name may.
    Unexpected(usize),
}

impl Inside {
    /// Reads `MSH:1:1 SFT:0:*`, or the same after `choice`.
    pub(super) fn read(text: &'static str) -> Option<Inside> {
        let (choice, text) = match text.strip_prefix("choice ") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let part = |text: &'static str| {
            let mut numbers = text.split(':');
            let (name, least, most) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some(Part {
                name,
                least: least.parse().ok()?,
                most: if most == "*" { None } else { Some(most.parse().ok()?) },
            })
        };
        let parts: Option<Vec<Part>> =
            text.split(' ').filter(|one| !one.is_empty()).map(part).collect();
        Some(Inside { choice, parts: parts? })
    }
}

/// What is not where a structure has it, in the order of the message. Segments that no version knows, such as those of a site, may
/// stand anywhere. After the first segment without a place the rest is not looked at: it would all be out of place.
pub fn misplaced(
    dictionary: &Dictionary,
    version: Version,
    structure: &str,
    segments: &[&str],
) -> Vec<Misplaced> {
    let known: Vec<(usize, &str)> = segments
        .iter()
        .enumerate()
        .filter(|(_, name)| dictionary.last_field(name).is_some())
        .map(|(at, name)| (at, *name))
        .collect();
    let mut walk = Walk { dictionary, version, segments: &known, at: 0, found: Vec::new() };
    let Some(inside) = dictionary.inside(version, structure) else { return Vec::new() };
    walk.inside(inside, 0);
    if let Some((at, _)) = walk.segments.get(walk.at) {
        walk.found.push(Misplaced::Unexpected(*at));
    }
    walk.found
}

struct Walk<'w> {
    dictionary: &'w Dictionary,
    version: Version,
    segments: &'w [(usize, &'w str)],
    at: usize,
    found: Vec<Misplaced>,
}

impl Walk<'_> {
    fn inside(&mut self, inside: &Inside, depth: usize) {
        if inside.choice {
            let wanted = self.segments.get(self.at).map(|(_, name)| *name);
            let chosen = inside
                .parts
                .iter()
                .find(|part| wanted.is_some_and(|wanted| self.may_begin(part, wanted, depth)));
            if let Some(part) = chosen {
                self.part(part, depth);
            }
            return;
        }
        inside.parts.iter().for_each(|part| self.part(part, depth));
    }

    /// Takes as many as there are and may be.
    fn part(&mut self, part: &Part, depth: usize) {
        let mut count = 0;
        while part.most.is_none_or(|most| count < most) {
            let Some((_, name)) = self.segments.get(self.at) else { break };
            if !self.may_begin(part, name, depth) {
                break;
            }
            let before = self.at;
            match part
                .name
                .starts_with('@')
                .then(|| self.dictionary.inside(self.version, part.name))
                .flatten()
            {
                Some(group) if depth < DEPTH_MAX => self.inside(group, depth + 1),
                _ => self.at += 1,
            }
            if self.at == before {
                break;
            }
            count += 1;
        }
        if count < part.least {
            let place = self
                .segments
                .get(self.at)
                .map_or_else(|| self.segments.last().map_or(0, |(at, _)| at + 1), |(at, _)| *at);
            let name = self.first_required(part, depth);
            self.found.push(Misplaced::Missing(name, place));
        }
    }

    fn may_begin(&self, part: &Part, name: &str, depth: usize) -> bool {
        if !part.name.starts_with('@') {
            return part.name == name || part.name == "ANYHL7SEGMENT";
        }
        let Some(group) = self.dictionary.inside(self.version, part.name) else { return false };
        if depth >= DEPTH_MAX {
            return false;
        }
        for inner in &group.parts {
            if self.may_begin(inner, name, depth + 1) {
                return true;
            }
            // What stands behind a part that must be there cannot begin the group.
            if !group.choice && inner.least > 0 {
                return false;
            }
        }
        false
    }

    /// The segment by which people know what is missing.
    fn first_required(&self, part: &Part, depth: usize) -> &'static str {
        let group =
            part.name.starts_with('@').then(|| self.dictionary.inside(self.version, part.name));
        match group.flatten() {
            Some(group) if depth < DEPTH_MAX => {
                let required = group.parts.iter().find(|part| part.least > 0 || group.choice);
                let first = required.or_else(|| group.parts.first());
                first.map_or(part.name, |inner| self.first_required(inner, depth + 1))
            }
            _ => part.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dictionary;
    use super::*;
    use std::collections::HashSet;

    fn unknown_groups(dictionary: &Dictionary, versions: usize) -> HashSet<String> {
        let mut unknown = HashSet::new();
        for number in 0..versions {
            let version = Version(number);
            for name in dictionary.structures.keys() {
                let Some(inside) = dictionary.inside(version, name) else { continue };
                for part in inside.parts.iter().filter(|part| part.name.starts_with('@')) {
                    if dictionary.inside(version, part.name).is_none() {
                        unknown.insert(format!("{} {name} {}", version.as_str(), part.name));
                    }
                }
            }
        }
        unknown
    }

    fn odd(structure: &str, segments: &str) -> Vec<Misplaced> {
        let segments: Vec<&str> = segments.split(' ').collect();
        misplaced(dictionary(), Version::of("2.5.1"), structure, &segments)
    }

    #[test]
    fn segments_stand_where_the_structure_has_them() {
        assert_eq!(odd("ADT_A01", "MSH EVN PID NK1 NK1 PV1 OBX AL1 DG1"), []);
        assert_eq!(
            odd("ADT_A01", "MSH EVN PID ZPI PV1 ZZZ"),
            [],
            "those of the site stand anywhere"
        );
        assert_eq!(odd("ADT_A01", "MSH EVN PV1"), [Misplaced::Missing("PID", 2)]);
        assert_eq!(odd("ADT_A01", "MSH EVN PID PV1 EVN"), [Misplaced::Unexpected(4)]);
        assert_eq!(
            odd("ADT_A01", "MSH EVN PID PID PV1"),
            [Misplaced::Missing("PV1", 3), Misplaced::Unexpected(3)]
        );
        assert_eq!(odd("ORU_R01", "MSH PID PV1 ORC OBR NTE OBX OBX NTE ORC OBR OBX DSC"), []);
        assert_eq!(odd("ORU_R01", "MSH OBR OBX OBR"), []);
        assert_eq!(odd("ORU_R01", "MSH PID"), [Misplaced::Missing("OBR", 2)]);
        assert_eq!(odd("NO_SUCH", "MSH PID"), []);
    }

    #[test]
    fn every_group_is_there() {
        assert_eq!(unknown_groups(dictionary(), super::super::VERSIONS.len()), HashSet::new());
    }
}
