//! Mirth's way of naming a place, `msg['PID']['PID.5']['PID.5.1']`, as a path.

use crate::js::{Expr, Key};

/// The segments that an iterator goes through, while the steps inside it are read.
#[derive(Debug, Clone)]
pub(crate) struct Loop {
    pub(crate) segment: String,
    pub(crate) index: String,
}

/// A place in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    segment: String,
    /// From 1; none is the first, and inside a loop over the segment the current one.
    occurrence: Option<usize>,
    field: Option<usize>,
    /// From 1.
    repetition: Option<usize>,
    component: Option<usize>,
    subcomponent: Option<usize>,
}

/// The place that an expression on `msg` names.
pub(crate) fn read(expr: &Expr, inside: Option<&Loop>) -> Option<Path> {
    let mut keys = Vec::new();
    let mut at = expr;
    while let Expr::Member(object, key) = at {
        keys.push(key);
        at = object;
    }
    if !at.is_name("msg") {
        return None;
    }
    keys.reverse();
    let mut keys = keys.into_iter().peekable();
    let Some(Key::Name(segment)) = keys.next() else { return None };
    if !is_segment(segment) {
        return None;
    }
    let looped = inside.filter(|inside| inside.segment == *segment);
    let occurrence = match keys.peek() {
        Some(Key::Index(index)) => {
            keys.next();
            (*index > 0 || looped.is_some()).then(|| index.saturating_add(1))
        }
        Some(Key::Value(value)) => {
            keys.next();
            looped.filter(|looped| value.is_name(&looped.index))?;
            None
        }
        // All of them at once has no equal where one after the other is looked at.
        Some(Key::Name(_)) | None => {
            if looped.is_some() {
                return None;
            }
            None
        }
    };
    let mut path = Path {
        segment: segment.clone(),
        occurrence,
        field: None,
        repetition: None,
        component: None,
        subcomponent: None,
    };
    let mut prefix = segment.clone();
    path.field = number(&mut keys, &mut prefix)?;
    if let Some(Key::Index(index)) = keys.peek() {
        path.field?;
        path.repetition = (*index > 0).then(|| index.saturating_add(1));
        keys.next();
    }
    path.component = number(&mut keys, &mut prefix)?;
    only_first(&mut keys)?;
    path.subcomponent = number(&mut keys, &mut prefix)?;
    only_first(&mut keys)?;
    keys.next().is_none().then_some(path)
}

/// `PID.5` after `PID`, `PID.5.1` after `PID.5`: the number that was added. Inner none at the end, outer none for anything else.
#[allow(clippy::option_option, reason = "what is not there differs from what is wrong")]
fn number<'a>(
    keys: &mut std::iter::Peekable<impl Iterator<Item = &'a Key>>,
    prefix: &mut String,
) -> Option<Option<usize>> {
    let Some(Key::Name(name)) = keys.peek() else { return Some(None) };
    let digits = name.strip_prefix(prefix.as_str())?.strip_prefix('.')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: usize = digits.parse().ok()?;
    *prefix = name.clone();
    keys.next();
    (1..=999).contains(&number).then_some(Some(number))
}

/// Components do not repeat, so an index on one can only be 0.
fn only_first<'a>(keys: &mut std::iter::Peekable<impl Iterator<Item = &'a Key>>) -> Option<()> {
    if let Some(Key::Index(index)) = keys.peek() {
        keys.next();
        return (*index == 0).then_some(());
    }
    Some(())
}

/// Whether a text is the name of a segment.
pub(crate) fn is_segment(text: &str) -> bool {
    text.len() == 3
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
}

impl Path {
    /// The name of its segment.
    pub(crate) fn segment(&self) -> &str {
        &self.segment
    }

    /// A segment, without a field.
    pub(crate) fn is_segment(&self) -> bool {
        self.field.is_none()
    }

    /// A whole field, which Mirth reads as a piece of XML.
    pub(crate) fn is_field(&self) -> bool {
        self.field.is_some() && self.component.is_none()
    }

    /// Whether writing to `other` may change what is read here.
    pub(crate) fn is_touched_by(&self, other: &Path) -> bool {
        let other_than = |own: Option<usize>, its: Option<usize>| matches!((own, its), (Some(own), Some(its)) if own != its);
        if self.segment != other.segment || other_than(self.occurrence, other.occurrence) {
            return false;
        }
        match (self.field, other.field) {
            (Some(own), Some(its)) if own != its => false,
            (Some(_), Some(_)) if other.component.is_some() => {
                self.repetition == other.repetition && !other_than(self.component, other.component)
            }
            _ => true,
        }
    }

    /// `PID.3`: its field as Mirth writes it.
    pub(crate) fn mirth_field(&self) -> Option<String> {
        self.field.map(|field| format!("{}.{field}", self.segment))
    }

    /// The two delimiters fields, and the segment itself, cannot be written.
    pub(crate) fn is_writable(&self) -> bool {
        !(self.segment == "MSH" && matches!(self.field, None | Some(1 | 2)))
    }

    /// With all repetitions of its field.
    pub(crate) fn with_all_repetitions(&self) -> String {
        match self.repetition {
            None => format!("{self}[*]"),
            Some(_) => self.to_string(),
        }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.segment)?;
        if let Some(occurrence) = self.occurrence {
            write!(f, "[{occurrence}]")?;
        }
        if let Some(field) = self.field {
            write!(f, "-{field}")?;
        }
        if let Some(repetition) = self.repetition {
            write!(f, "[{repetition}]")?;
        }
        if let Some(component) = self.component {
            write!(f, ".{component}")?;
        }
        if let Some(subcomponent) = self.subcomponent {
            write!(f, ".{subcomponent}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::js;

    fn path(source: &str) -> Option<String> {
        Some(read(&js::expression(source)?, None)?.to_string())
    }

    #[test]
    fn places_are_named_as_the_standard_does() {
        for (mirth, ours) in [
            ("msg['PID']['PID.5']['PID.5.1']", "PID-5.1"),
            ("msg['PID']['PID.3'][1]['PID.3.1']", "PID-3[2].1"),
            ("msg['PID']['PID.3'][0]['PID.3.1']", "PID-3.1"),
            ("msg['OBX'][1]['OBX.5'][0]['OBX.5.1'][0]", "OBX[2]-5.1"),
            ("msg['PID']['PID.5']['PID.5.1']['PID.5.1.2']", "PID-5.1.2"),
            ("msg.PID['PID.5']", "PID-5"),
            ("msg['ZPI']", "ZPI"),
        ] {
            assert_eq!(path(mirth).as_deref(), Some(ours), "{mirth}");
        }
    }

    #[test]
    fn what_is_no_place_is_none() {
        for odd in [
            "tmp['PID']['PID.5']",
            "msg['pid']",
            "msg['PID']['OBX.5']",
            "msg['PID']['PID.5']['PID.6.1']",
            "msg['PID']['PID.5']['PID.5.1'][1]",
            "msg['OBX'][i]['OBX.5']",
            "msg['ADT_A01.PID']",
            "msg['PID']['PID.0']",
            "msg",
        ] {
            assert_eq!(path(odd), None, "{odd}");
        }
    }

    #[test]
    fn inside_a_loop_the_current_segment_has_no_index() {
        let inside = Loop { segment: "OBX".to_owned(), index: "i".to_owned() };
        let path = |source: &str| Some(read(&js::expression(source)?, Some(&inside))?.to_string());
        assert_eq!(path("msg['OBX'][i]['OBX.5']['OBX.5.1']").as_deref(), Some("OBX-5.1"));
        assert_eq!(path("msg['OBX'][0]['OBX.5']['OBX.5.1']").as_deref(), Some("OBX[1]-5.1"));
        assert_eq!(path("msg['OBX']['OBX.5']['OBX.5.1']"), None);
        assert_eq!(path("msg['OBX'][j]['OBX.5']"), None);
        assert_eq!(path("msg['PID']['PID.3']['PID.3.1']").as_deref(), Some("PID-3.1"));
    }
}
