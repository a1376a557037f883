//! One message and its copy.

use hl7::Message;
use jiff::civil::Date;

use crate::date::DAYS_MAX;
use crate::key::Key;
use crate::kind::{Kind, Leaf};
use crate::known::Known;
use crate::leak::{self, Fate, Leak, Treated};
use crate::part::{self, Group, Part};
use crate::rules::Rules;
use crate::segments;
use crate::tally::{Tally, Treatment};
use crate::treat::Around;
use crate::value::ValueType;

/// What becomes of free text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum TextRule {
    /// Every line becomes the same few words.
    #[default]
    Replace,
    /// It stays, without the known values of its message and without what looks like a date, number or address. What
    /// nobody can know by its form stays too, such as the name of somebody who is in no field.
    Scrub,
}

/// How copies are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The day that ages are counted to.
    pub today: Date,
    /// What becomes of free text.
    pub text: TextRule,
    /// What the site wants differently from the table.
    pub rules: Rules,
}

/// Why there is no copy. It says nothing that was in the message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Nothing tells fields apart, so nothing tells what is in them.
    #[error("not an HL7 v2 message: {0}")]
    Unreadable(&'static str),
    /// The same, because of what the header declares.
    #[error("the delimiters in its header cannot be told apart")]
    Delimiters,
    /// The copy would be cut differently from the original.
    #[error("its copy would not have the same structure")]
    Structure,
    /// A rule, or a field that is kept, would give an identifying value away.
    #[error("{}", list(.0))]
    Leak(Vec<Leak>),
}

fn list(leaks: &[Leak]) -> String {
    leaks.iter().map(Leak::to_string).collect::<Vec<_>>().join(", ")
}

/// Makes copies under one key.
pub struct Deidentifier {
    key: Key,
    options: Options,
}

impl Deidentifier {
    /// With a key and how it is to be done.
    pub fn new(key: Key, options: Options) -> Deidentifier {
        Deidentifier { key, options }
    }

    /// The copy of one message, or of the header of a batch, and what has become of its values.
    ///
    /// The copy has the same segments, fields, repetitions and components in the same order. It is refused, and
    /// nothing of it is given out, when the message cannot be read or when the leak check finds something.
    pub fn copy(&self, bytes: &[u8]) -> Result<(Vec<u8>, Tally), Refused> {
        hl7::peek(bytes).map_err(|unreadable| Refused::Unreadable(unreadable.text))?;
        let message = Message::parse(bytes, &leak::options());
        if message.delimiters().fault().is_some() {
            return Err(Refused::Delimiters);
        }
        let parts = part::parts(&message);
        let plan = self.plan(&message, &parts);
        let known = known(&message, &plan);
        let escape = String::from_utf8_lossy(message.delimiters().escape()).into_owned();
        let mut writing = Writing {
            message: &message,
            out: Vec::with_capacity(bytes.len()),
            from: 0,
            tally: Tally::default(),
            treated: Vec::new(),
        };
        for planned in &plan {
            let around = Around {
                key: &self.key,
                known: &known,
                group: planned.group,
                days: planned.days,
                today: self.options.today,
                rule: self.options.text,
                escape: &escape,
            };
            writing.value(planned, &around);
        }
        let (copy, tally, treated) = writing.finish();
        match leak::check(&message, &copy, &treated, &known) {
            None => Err(Refused::Structure),
            Some(leaks) if leaks.is_empty() => Ok((copy, tally)),
            Some(leaks) => Err(Refused::Leak(leaks)),
        }
    }

    /// What is to become of every value.
    fn plan<'a>(&self, message: &'a Message, parts: &'a [Part]) -> Vec<Planned<'a>> {
        let segments: Vec<&[Part]> =
            parts.chunk_by(|a, b| a.place.index == b.place.index).collect();
        let mut days = segments
            .iter()
            .find(|parts| is_patient(parts))
            .map_or_else(|| self.days(None), |parts| self.days(patient(message, parts)));
        let staff = parts.iter().any(|part| matches!(part.place.segment.as_str(), "STF" | "PRA"));
        let mut plan = Vec::with_capacity(parts.len());
        for segment in segments {
            if is_patient(segment) {
                days = self.days(patient(message, segment));
            }
            let context = Context { value_type: value_type(message, segment), staff };
            let repetition = |part: &Part| (part.place.field, part.place.repetition);
            for parts in segment.chunk_by(|a, b| repetition(a) == repetition(b)) {
                let group = Group { message, parts };
                for part in parts {
                    let (leaf, is_searched) = self.leaf(part, &group, &context);
                    plan.push(Planned { part, leaf, is_searched, group, days });
                }
            }
        }
        plan
    }

    /// What is to become of a value, and whether it is looked for elsewhere.
    fn leaf(&self, part: &Part, group: &Group<'_>, context: &Context) -> (Leaf, bool) {
        let place = &part.place;
        if part.is_delimiters {
            return (Leaf::Keep, false);
        }
        let mut kind = segments::kind(&place.segment, place.field);
        // The key of a master file's entry is a person's only in a file of persons; else it is a catalogue's code.
        if kind == Kind::Key && matches!(place.segment.as_str(), "MFE" | "MFA") && !context.staff {
            kind = Kind::Coded;
        }
        let by_table = match kind {
            Kind::Value => context.value_type.leaf(place.component, place.subcomponent, group),
            kind => kind.leaf(place.component, place.subcomponent, group),
        };
        let leaf = match self.options.rules.find(place) {
            Some(action) => action.leaf(by_table),
            None => by_table,
        };
        (leaf, kind.is_searched())
    }

    /// By how many days the dates of a patient move; those of nobody move together.
    fn days(&self, patient: Option<String>) -> i32 {
        let patient = patient.unwrap_or_default();
        1 + self.key.number("days", &[patient.as_bytes()], DAYS_MAX) as i32
    }
}

/// What a segment is in.
struct Context {
    value_type: ValueType,
    /// The message has segments of a staff file.
    staff: bool,
}

/// A value and what is to become of it.
struct Planned<'a> {
    part: &'a Part,
    leaf: Leaf,
    is_searched: bool,
    group: Group<'a>,
    days: i32,
}

fn is_patient(segment: &[Part]) -> bool {
    segment.first().is_some_and(|part| part.place.segment == "PID")
}

/// What tells a patient from others: the medical record number in PID-3, else the first number there, else another
/// number, else name and birth date.
fn patient(message: &Message, segment: &[Part]) -> Option<String> {
    let value = |field: usize, repetition: usize, component: usize| {
        let at = |part: &&Part| {
            (part.place.field, part.place.repetition, part.place.component)
                == (field, repetition, component)
        };
        let part = segment.iter().find(at)?;
        let text = part::text(message, &part.range).0.trim().to_owned();
        (!text.is_empty() && text != "\"\"").then_some(text)
    };
    let repetitions = segment
        .iter()
        .filter(|part| part.place.field == 3)
        .map(|part| part.place.repetition)
        .max()
        .unwrap_or(0);
    let record = (1..=repetitions)
        .find(|n| value(3, *n, 5).as_deref() == Some("MR") && value(3, *n, 1).is_some());
    let number = record
        .and_then(|n| value(3, n, 1))
        .or_else(|| (1..=repetitions).find_map(|n| value(3, n, 1)));
    let number = number.or_else(|| [2, 4, 18, 19].into_iter().find_map(|field| value(field, 1, 1)));
    number.or_else(|| {
        let name = [value(5, 1, 1), value(5, 1, 2), value(7, 1, 1)];
        name.iter().any(Option::is_some).then(|| name.map(Option::unwrap_or_default).join("\n"))
    })
}

/// What OBX-2 and OBX-3 say.
fn value_type(message: &Message, segment: &[Part]) -> ValueType {
    let text = |field: usize| {
        let part = segment.iter().find(|part| part.place.field == field);
        part.map(|part| part::text(message, &part.range).0).unwrap_or_default()
    };
    match segment.first().map(|part| part.place.segment.as_str()) {
        Some("OBX") => ValueType::new(&text(2), &text(3)),
        _ => ValueType::default(),
    }
}

/// The identifying values of the original.
fn known(message: &Message, plan: &[Planned<'_>]) -> Known {
    let mut known = Known::default();
    for planned in plan.iter().filter(|planned| planned.is_searched) {
        let (text, _) = part::text(message, &planned.part.range);
        // A ZIP code that is one for many towns already says no more than its three digits.
        let reduced = matches!(planned.leaf, Leaf::Postal(_)) && text.trim_end().ends_with("00");
        if let Some(class) = planned.leaf.class().filter(|_| !reduced) {
            known.add(&text, class, &planned.part.place);
        }
    }
    known
}

/// The copy while it is written.
struct Writing<'a> {
    message: &'a Message,
    out: Vec<u8>,
    /// Up to where the original has been copied.
    from: usize,
    tally: Tally,
    treated: Vec<Treated<'a>>,
}

impl<'a> Writing<'a> {
    fn value(&mut self, planned: &Planned<'a>, around: &Around<'_>) {
        let part = planned.part;
        let (text, _) = part::text(self.message, &part.range);
        // Nothing, the HL7 null, and lines of framing characters say nothing about anybody.
        let says_nothing = text.is_empty()
            || text == "\"\""
            || part.place.field == 0 && !text.chars().any(char::is_alphanumeric);
        let new = if says_nothing { None } else { planned.leaf.treat(&text, around) };
        let Some((new, mut treatment)) = new else {
            if !says_nothing && !part.is_delimiters {
                self.tally.count(Treatment::Kept);
            }
            self.treated.push(Treated { part, fate: Fate::Original });
            return;
        };
        let message = self.message;
        let bytes = message.as_bytes();
        // Bytes stay as they are where the value does, however it was escaped.
        if new != text {
            let escaped = hl7::escape(&new, message.delimiters(), message.charset());
            let escaped = escaped.unwrap_or_else(|_| {
                treatment = Treatment::Cleared;
                Vec::new()
            });
            self.out.extend_from_slice(bytes.get(self.from..part.range.start).unwrap_or_default());
            self.out.extend_from_slice(&escaped);
            self.from = part.range.end;
        }
        self.tally.count(treatment);
        let fate = match treatment {
            Treatment::Kept | Treatment::Scrubbed => Fate::Original,
            Treatment::Date => Fate::Moved,
            Treatment::Name | Treatment::Identifier | Treatment::Address | Treatment::Contact => {
                Fate::Invented
            }
            Treatment::Text | Treatment::Document | Treatment::Cleared => Fate::Invented,
        };
        self.treated.push(Treated { part, fate });
    }

    fn finish(mut self) -> (Vec<u8>, Tally, Vec<Treated<'a>>) {
        let rest = self.message.as_bytes().get(self.from..).unwrap_or_default();
        self.out.extend_from_slice(rest);
        (self.out, self.tally, self.treated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    /// Components that no field has more of.
    const COMPONENTS: usize = 26;

    /// A value in each component of each field that the standard has: what is not kept by its kind is not in the copy.
    #[test]
    fn every_place_of_the_table_is_treated() {
        let key = Key::from_bytes(b"a key that is no secret").unwrap();
        let today = jiff::civil::date(2026, 11, 21);
        let options = Options { today, text: TextRule::Replace, rules: Rules::default() };
        let copier = Deidentifier::new(key, options);
        let (mut treated, mut kept) = (0, 0);
        for (segment, field) in segments::places() {
            if matches!(segment, "MSH" | "FHS" | "BHS") && field < 3 {
                continue;
            }
            for component in 1..=COMPONENTS {
                let value = format!("Zqx{field:03}7{component:02}99");
                // In the header the field separator is its first field.
                let empty = "|".repeat(if segment == "MSH" { field - 2 } else { field });
                let before = "^".repeat(component - 1);
                let bytes = match segment {
                    "MSH" => format!("MSH|^~\\&{empty}{before}{value}\r"),
                    _ => format!("MSH|^~\\&|A\r{segment}{empty}{before}{value}\r"),
                };
                let message = Message::parse(bytes.as_bytes(), &leak::options());
                let parts = part::parts(&message);
                let plan = copier.plan(&message, &parts);
                let found = plan
                    .iter()
                    .find(|planned| part::text(&message, &planned.part.range).0 == value);
                let leaf = found.unwrap_or_else(|| panic!("{bytes}")).leaf;
                let (copy, _) = copier
                    .copy(bytes.as_bytes())
                    .unwrap_or_else(|refused| panic!("{bytes}: {refused}"));
                let is_there = String::from_utf8(copy).unwrap().contains(&value);
                let stays = match leaf {
                    Leaf::Keep | Leaf::DateIfAny => true,
                    Leaf::Code => text::is_code(&value),
                    _ => false,
                };
                assert_eq!(is_there, stays, "{segment}-{field}.{component} {leaf:?}");
                (treated, kept) = (treated + usize::from(!stays), kept + usize::from(stays));
            }
        }
        assert!(treated > 10_000 && kept > 10_000, "{treated} {kept}");
    }
}
