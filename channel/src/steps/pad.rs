use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Choice, Field, Kind, Section, Text};
use hl7::Path;

/// The widest that a value is made, in characters: more is a slip of the finger.
const WIDTH_MAX: i64 = 1_000;

pub(super) const DECL: StepDecl = StepDecl {
    name: "pad",
    doc: "Fills values up to a width.\n\nIt counts characters, after unescaping. A value that is long enough stays as it is, and so do \
          an empty one and the HL7 null. A value with components fails the step: name the component.",
    fields: &[
        Field::required("pad", "The values.", Kind::Paths),
        Field::required(
            "width",
            "How many characters a value has at least.",
            Kind::Integer { min: 1, max: WIDTH_MAX },
        )
        .examples(&["10"]),
        Field::default("with", "The character that fills it up.", Kind::Text, "0"),
        Field::default("side", "Where it is filled up.", Kind::Choice(SIDE), "left"),
    ],
    examples: &[
        "{ pad = 'PID-3.1', width = 10 }",
        "{ pad = ['PID-3.1', 'PV1-19.1'], width = 12, with = \" \", side = \"right\" }",
    ],
    compile,
};

const SIDE: &[Choice] = &[
    Choice { name: "left", doc: "Before the value." },
    Choice { name: "right", doc: "After the value." },
];

struct Pad {
    places: Vec<Place>,
    width: usize,
    with: char,
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("pad"));
    let with = match section.text("with") {
        None => Some('0'),
        Some(text) => one_character(text, compiler),
    };
    let side = match section.choice("side") {
        Some("right") => Side::Right,
        _ => Side::Left,
    };
    let width = usize::try_from(section.integer("width")?).ok()?;
    Some(Box::new(Pad { places: places?, width, with: with?, side }))
}

fn one_character(text: &Text, compiler: &mut Compiler<'_>) -> Option<char> {
    let mut characters = text.value.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return Some(only);
    }
    let title = format!("`{}` is not one character", text.value);
    compiler
        .diags()
        .error("C0324", text.span, title)
        .label("a value is filled up with one character, such as `\"0\"`");
    None
}

impl Action for Pad {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            work.at_each(place, |work, path| Ok(self.pad(work, path)?))?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.places.iter().any(|target| target.may_touch(place))
    }
}

impl Pad {
    fn pad(&self, work: &mut Work<'_>, path: &Path) -> Result<(), Fault> {
        if !leaves::is_one(work, path) {
            let said = format!("{path} has components, and one value is filled up");
            return Err(Fault::new("R0111", said));
        }
        let Some(text) = work.value(path)? else { return Ok(()) };
        let missing = self.width.saturating_sub(text.chars().count());
        if text.is_empty() || missing == 0 {
            return Ok(());
        }
        let filling: String = std::iter::repeat_n(self.with, missing).collect();
        let padded = match self.side {
            Side::Left => filling + &text,
            Side::Right => text.into_owned() + &filling,
        };
        work.set(path, &padded)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn a_short_value_is_filled_up() {
        assert_eq!(run("{ pad = 'PID-3.1', width = 5 }", "PID|||42^^^MR~7"), "PID|||00042^^^MR~7");
        let right = r#"{ pad = ['PID-2', 'PID-3[*].1'], width = 4, with = " ", side = "right" }"#;
        assert_eq!(run(right, "PID||a|bc^x~d"), "PID||a   |bc  ^x~d   ");
        assert_eq!(run(r#"{ pad = 'PID-2', width = 3, with = "|" }"#, "PID||a"), r"PID||\F\\F\a");
    }

    #[test]
    fn what_is_long_enough_or_empty_or_null_stays() {
        let step = "{ pad = ['PID-1', 'PID-2', 'PID-3', 'PID-9'], width = 2 }";
        let message = r#"PID|123||"""#;
        assert_eq!(run(step, message), message);
        assert_eq!(run("{ pad = 'PV1-2', width = 2 }", "PID|1"), "PID|1");
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let step = r#"{ pad = 'PID-2', width = 4, with = "ü" }"#;
        assert_eq!(run(step, r"PID||ä\T\"), r"PID||üüä\T\");
    }

    #[test]
    fn a_value_with_components_is_not_one_value() {
        assert_eq!(
            run("{ pad = 'PID-3', width = 5 }", "PID|||42^^^MR"),
            "failed R0111 transform 1: PID-3 has components, and one value is filled up"
        );
        assert_eq!(
            run("{ pad = 'PID-3.1', width = 3 }", "PID|||4&2"),
            "failed R0111 transform 1: PID-3.1 has components, and one value is filled up"
        );
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(
            refused(r#"{ pad = 'PID-3.1', width = 5, with = "00" }"#),
            ["C0324 `00` is not one character"]
        );
        assert_eq!(
            refused(r#"{ pad = 'PID-3.1', width = 5, with = "" }"#),
            ["C0324 `` is not one character"]
        );
        assert_eq!(refused("{ pad = 'PID-3.1' }"), ["C0103 `width` is missing"]);
        assert_eq!(
            refused("{ pad = 'PID', width = 5 }"),
            ["C0304 `PID` is a segment, not a value"]
        );
    }
}
