use super::compile::{Check, Condition, Node, Side};
use super::ordering::{self, Measure};
use crate::failure::Fault;
use crate::place::Place;
use crate::scene::Scene;
use hl7::Path;
use std::borrow::Cow;

impl Condition {
    /// Does it hold? A value that cannot be read or compared is a fault, never just false.
    pub(crate) fn holds(&self, scene: &Scene<'_>) -> Result<bool, Fault> {
        self.root.holds(scene)
    }
}

impl Node {
    fn holds(&self, scene: &Scene<'_>) -> Result<bool, Fault> {
        match self {
            Node::All(nodes) => {
                for node in nodes {
                    if !node.holds(scene)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Any(nodes) => {
                for node in nodes {
                    if node.holds(scene)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(node) => node.holds(scene).map(|holds| !holds),
            Node::Ask(place, check) => ask(place, check, scene),
        }
    }
}

/// With `[*]` a check holds when it holds for one of the values; `empty` when it holds for all of them.
fn ask(place: &Place, check: &Check, scene: &Scene<'_>) -> Result<bool, Fault> {
    if !place.is_all() {
        let path = scene.path(place);
        scene.note(&path);
        return check.holds(&path, scene);
    }
    if let Check::Empty = check {
        for path in place.by_segment(scene.message, scene.cursors)? {
            scene.note(&path);
            if !scene.message.is_empty(&path) {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    for path in place.each(scene.message, scene.cursors)? {
        scene.note(&path);
        if check.holds(&path, scene)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Check {
    fn holds(&self, path: &Path, scene: &Scene<'_>) -> Result<bool, Fault> {
        match self {
            Check::Exists => Ok(scene.message.exists(path)),
            Check::Empty => Ok(scene.message.is_empty(path)),
            Check::Is(side) => is_one_of(std::slice::from_ref(side), path, scene),
            Check::In(sides) => is_one_of(sides, path, scene),
            Check::InTable(table) => {
                Ok(value(path, scene)?.is_some_and(|text| table.contains(&text)))
            }
            Check::Matches(regex) => {
                Ok(value(path, scene)?.is_some_and(|text| regex.is_match(&text)))
            }
            Check::Contains(part) => {
                Ok(value(path, scene)?.is_some_and(|text| text.contains(part.as_str())))
            }
            Check::StartsWith(part) => {
                Ok(value(path, scene)?.is_some_and(|text| text.starts_with(part.as_str())))
            }
            Check::EndsWith(part) => {
                Ok(value(path, scene)?.is_some_and(|text| text.ends_with(part.as_str())))
            }
            Check::Order(sign, measure) => {
                order(measure, path, scene).map(|ordering| sign.holds(ordering))
            }
        }
    }
}

fn value<'r>(path: &Path, scene: &Scene<'r>) -> Result<Option<Cow<'r, str>>, Fault> {
    crate::scene::value(scene.message, path)
}

fn is_one_of(sides: &[Side], path: &Path, scene: &Scene<'_>) -> Result<bool, Fault> {
    let sent = scene.sent(path);
    // Decoded at most once, and only when the bytes alone cannot tell.
    let mut decoded: Option<Option<Cow<'_, str>>> = None;
    for side in sides {
        let same = match side {
            Side::Null => sent.is_null(),
            Side::Text(text) => match sent.is_text(text) {
                Some(same) => same,
                None => {
                    if decoded.is_none() {
                        decoded = Some(value(path, scene)?);
                    }
                    decoded.as_ref().is_some_and(|value| value.as_deref() == Some(text))
                }
            },
            Side::Place(place) => {
                let other = scene.path(place);
                scene.note(&other);
                value(path, scene)? == value(&other, scene)?
            }
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn order(measure: &Measure, path: &Path, scene: &Scene<'_>) -> Result<std::cmp::Ordering, Fault> {
    let text = value(path, scene)?.unwrap_or(Cow::Borrowed("\"\""));
    let (ordering, what) = match measure {
        Measure::Number(number) => (ordering::numbers(&text, number), "a number"),
        Measure::Timestamp(timestamp, zone) => {
            (ordering::timestamps(&text, timestamp, zone), "a timestamp")
        }
        Measure::Place(place, zone) => {
            let other = scene.path(place);
            scene.note(&other);
            let theirs = value(&other, scene)?.unwrap_or(Cow::Borrowed("\"\""));
            let ordering = ordering::alike(&text, &theirs, zone);
            return ordering.ok_or_else(|| {
                let said = format!("{path} and {other} are neither two numbers nor two timestamps");
                Fault::new("R0105", said).value(format!("{text}\" and \"{theirs}"))
            });
        }
    };
    ordering.ok_or_else(|| Fault::new("R0105", format!("{path} is not {what}")).value(text))
}
