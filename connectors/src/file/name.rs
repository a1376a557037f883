//! The names of delivered files: a template, and what is allowed to come out of it.

use std::fmt;

use crate::{Outgoing, Template, TemplateError};

/// The longest name. Temporary names are longer, and both stay under what file systems allow.
const NAME_MAX: usize = 128;
/// The longest ending that survives when a name is cut.
const ENDING_MAX: usize = 16;
/// Names that other systems take for devices, whatever their ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A template such as `{received}-{id}.hl7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate(Template);

impl NameTemplate {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<NameTemplate, TemplateError> {
        Template::parse(text).map(NameTemplate)
    }

    /// The name of a file that holds several deliveries: the parts of a split message are not told apart.
    pub fn render_for_many(&self, out: &Outgoing<'_>) -> String {
        sanitise(&self.0.fill(out), "")
    }

    /// The file name for a delivery: letters, digits, `.`, `_` and `-` only, whatever the message holds.
    pub fn render(&self, out: &Outgoing<'_>) -> String {
        let told_apart = self.0.tells_parts_apart();
        let suffix =
            if out.part > 1 && !told_apart { format!("-{}", out.part) } else { String::new() };
        sanitise(&self.0.fill(out), &suffix)
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
