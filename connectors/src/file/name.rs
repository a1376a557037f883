//! The names of delivered files: a template, and what is allowed to come out of it.

use std::fmt;
use std::ops::Range;

use hl7::{Message, ParseOptions, Path};
use jiff::Timestamp;

use crate::Outgoing;

/// The longest name. Temporary names are longer, and both stay under what file systems allow.
const NAME_MAX: usize = 128;
/// The longest ending that survives when a name is cut.
const ENDING_MAX: usize = 16;
/// Names that other systems take for devices, whatever their ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A text with values in braces, such as `{received}-{id}.hl7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Received,
    MessageId,
    DeliveryId,
    Part,
    Field(Path),
}

/// What is wrong with a template, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// The code of the problem, the same as for the templates of steps.
    pub code: &'static str,
    /// The bytes of the template it is about.
    pub range: Range<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead, when that is known.
    pub help: Option<String>,
}

impl NameTemplate {
    /// Reads a template. As in the templates of steps, a brace that is text is doubled.
    pub fn parse(text: &str) -> Result<NameTemplate, NameError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(brace) = text[at..].find(['{', '}']).map(|found| at + found) {
            literal.push_str(&text[at..brace]);
            let rest = &text[brace..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push_str(&rest[..1]);
                at = brace + 2;
                continue;
            }
            let close = match rest.starts_with('{') {
                true => rest.find('}').ok_or("this brace is not closed"),
                false => Err("this brace closes nothing"),
            };
            let close = brace
                + close.map_err(|problem| NameError::new("C0310", brace..brace + 1, problem))?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::parse(&text[brace + 1..close], brace + 1)?);
            at = close + 1;
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        match pieces.is_empty() {
            true => Err(NameError::new("C0105", 0..0, "a name has at least one character")),
            false => Ok(NameTemplate { pieces }),
        }
    }

    /// The file name for a delivery: letters, digits, `.`, `_` and `-` only, whatever the message holds.
    pub fn render(&self, out: &Outgoing<'_>) -> String {
        let mut name = String::new();
        let message = self
            .reads_fields()
            .then(|| Message::parse(out.body.to_vec(), &ParseOptions::default()));
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => name.push_str(text),
                Piece::Received => name.push_str(&received(out.received_us)),
                Piece::MessageId => name.push_str(out.message_id),
                Piece::DeliveryId => name.push_str(out.delivery_id),
                Piece::Part => name.push_str(&out.part.to_string()),
                Piece::Field(path) => {
                    let value =
                        message.as_ref().and_then(|message| message.raw(path)).unwrap_or_default();
                    name.extend(value.iter().map(|&byte| char::from(byte)));
                }
            }
        }
        let told_apart =
            self.pieces.iter().any(|piece| matches!(piece, Piece::Part | Piece::DeliveryId));
        let suffix =
            if out.part > 1 && !told_apart { format!("-{}", out.part) } else { String::new() };
        sanitise(&name, &suffix)
    }

    fn reads_fields(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Field(_)))
    }
}

impl Piece {
    /// Reads what stands between the braces; `start` is where, for errors.
    fn parse(inside: &str, start: usize) -> Result<Piece, NameError> {
        match inside {
            "received" => Ok(Piece::Received),
            "id" => Ok(Piece::MessageId),
            "delivery" => Ok(Piece::DeliveryId),
            "part" => Ok(Piece::Part),
            path if path.contains('-') => Piece::field(path, start),
            other => Err(NameError {
                help: Some("write `{received}`, `{id}`, `{delivery}`, `{part}` or a field such as `{MSH-10}`".to_owned()),
                ..NameError::new("C0311", start..start + other.len(), &format!("`{other}` is not a value of a file name"))
            }),
        }
    }

    fn field(text: &str, start: usize) -> Result<Piece, NameError> {
        match Path::parse(text) {
            Ok(path) if path.is_many() => Err(NameError::new(
                "C0322",
                start..start + text.len(),
                "a name takes one value, and this path may have several",
            )),
            Ok(path) => Ok(Piece::Field(path)),
            Err(error) => Err(NameError {
                help: error.help,
                ..NameError::new(
                    "C0202",
                    start + error.range.start..start + error.range.end,
                    &error.problem,
                )
            }),
        }
    }
}

impl NameError {
    fn new(code: &'static str, range: Range<usize>, problem: &str) -> NameError {
        NameError { code, range, problem: problem.to_owned(), help: None }
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Received => f.write_str("{received}"),
            Piece::MessageId => f.write_str("{id}"),
            Piece::DeliveryId => f.write_str("{delivery}"),
            Piece::Part => f.write_str("{part}"),
            Piece::Field(path) => write!(f, "{{{path}}}"),
        })
    }
}

/// A time that sorts as text and needs no character a file name cannot have.
fn received(us: i64) -> String {
    match Timestamp::from_microsecond(us) {
        Ok(time) => time.strftime("%Y%m%dT%H%M%S.%6fZ").to_string(),
        Err(_) => us.to_string(),
    }
}

/// Makes a name that stays one plain file inside its folder.
fn sanitise(name: &str, suffix: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let clean: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let (stem, ending) = match clean.rfind('.') {
        Some(dot) if clean.len() - dot <= ENDING_MAX => clean.split_at(dot),
        _ => (clean.as_str(), ""),
    };
    // A leading dot hides a file, a leading dash is an option to many programs.
    let first =
        |stem: &str| stem.replacen(['.', '-'], "_", usize::from(stem.starts_with(['.', '-'])));
    let mut stem = first(stem);
    if stem.is_empty() || is_device(&stem) {
        stem.insert(0, '_');
    }
    stem.truncate(NAME_MAX - ending.len() - suffix.len());
    let ending = ending.strip_suffix('.').unwrap_or(ending);
    format!("{stem}{suffix}{ending}")
}

fn is_device(stem: &str) -> bool {
    let base = stem.split('.').next().unwrap_or(stem).to_ascii_lowercase();
    let numbered = |prefix| {
        base.strip_prefix(prefix)
            .is_some_and(|n: &str| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    DEVICES.contains(&base.as_str()) || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn render(template: &str, body: &'static str, part: u32) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let out = Outgoing {
            body: &body,
            message_id: "m1",
            delivery_id: "d1",
            part,
            attempt: 1,
            received_us: 1_795_307_425_000_123,
        };
        NameTemplate::parse(template).unwrap().render(&out)
    }

    const BODY: &str =
        "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|MSG/1|P|2.5\rPID|1||../../etc/passwd^^^X\rPV1||I\r";

    #[test]
    fn values_are_put_in() {
        assert_eq!(render("{received}-{id}.hl7", BODY, 1), "20261122T003025.000123Z-m1.hl7");
        assert_eq!(render("{delivery}.{part}.txt", BODY, 3), "d1.3.txt");
        assert_eq!(render("{MSH-10}.hl7", BODY, 1), "MSG_1.hl7");
        assert_eq!(render("{ZZZ-9}.hl7", BODY, 1), "_.hl7");
    }

    #[test]
    fn parts_of_a_split_do_not_collide() {
        assert_eq!(render("{id}.hl7", BODY, 2), "m1-2.hl7");
        assert_eq!(render("{id}-{part}.hl7", BODY, 2), "m1-2.hl7");
        assert_eq!(render("{id}", BODY, 2), "m1-2");
    }

    #[test]
    fn names_stay_plain_files_inside_their_folder() {
        let cases = [
            ("../x", "_._x"),
            ("/etc/passwd", "_etc_passwd"),
            ("a\0b", "a_b"),
            ("CON", "_CON"),
            ("con.hl7", "_con.hl7"),
            ("lpt1.x.hl7", "_lpt1.x.hl7"),
            ("..", "_"),
            (".", "_"),
            ("...", "_."),
            (".hidden", "_.hidden"),
            ("-rf", "_rf"),
            ("a\u{202E}lh7.exe", "a_lh7.exe"),
            ("x\\y:z*?.hl7", "x_y_z__.hl7"),
            ("ünïcode.hl7", "_n_code.hl7"),
            ("trailing.", "trailing"),
            ("a b\r\nc", "a_b__c"),
        ];
        for (name, expected) in cases {
            assert_eq!(sanitise(name, ""), expected, "{name:?}");
        }
        assert_eq!(render("{PID-3.1}.hl7", BODY, 1), "_._.._etc_passwd.hl7");
    }

    #[test]
    fn long_names_keep_their_ending_and_their_part() {
        let name = sanitise(&format!("{}.hl7", "x".repeat(300)), "-2");
        assert_eq!(name.len(), NAME_MAX);
        assert!(name.ends_with("x-2.hl7"));
        let no_ending = sanitise(&format!("a.{}", "x".repeat(300)), "");
        assert_eq!(no_ending.len(), NAME_MAX);
    }

    #[test]
    fn template_errors_point_at_their_place() {
        let cases = [
            ("{received", "C0310", 0..1),
            ("a}b", "C0310", 1..2),
            ("{recieved}.hl7", "C0311", 1..9),
            ("{PID}", "C0311", 1..4),
            ("{OBX[*]-5}", "C0322", 1..9),
            ("", "C0105", 0..0),
        ];
        for (text, code, range) in cases {
            let error = NameTemplate::parse(text).unwrap_err();
            assert_eq!((error.code, error.range), (code, range), "{text}");
        }
        let error = NameTemplate::parse("x{PID.3-1}").unwrap_err();
        assert!(error.code == "C0202" && error.range.start >= 2, "{error:?}");
        assert_eq!(NameTemplate::parse("{{{id}}}").unwrap().to_string(), "{{{id}}}");
        assert_eq!(
            NameTemplate::parse("{id}-{MSH-10}.hl7").unwrap().to_string(),
            "{id}-{MSH-10}.hl7"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_name_comes_out_allowed(name in "\\PC*|[.\\-/]{0,9}|.{0,400}", part in 1u32..2000) {
            let suffix = if part > 1 { format!("-{part}") } else { String::new() };
            let name = sanitise(&name, &suffix);
            proptest::prop_assert!((1..=NAME_MAX).contains(&name.len()));
            proptest::prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            proptest::prop_assert!(!name.starts_with(['.', '-']));
        }
    }
}
