use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::template::Template;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "set",
    doc: "Writes one value, whatever stood there.\n\nThe text is escaped, so it is one value and nothing else: a `^` or a line \
          break in it makes no component and no segment. Braces take values of the message: `{PID-5.1}`. A missing segment fails \
          the step; `insert` adds one.",
    fields: &[
        Field::required("set", "Where the value goes. `[*]` writes every place.", Kind::Path)
            .examples(&["'MSH-5'"]),
        Field::optional(
            "to",
            "The value, with `{PID-3.1}` where a value of the message goes.",
            Kind::Template,
        )
        .examples(&["\"LAB\"", "\"{PID-5.1}, {PID-5.2}\""]),
        Field::optional(
            "null",
            "`true` writes the HL7 null (`\"\"`), which tells the receiver to delete its value.",
            Kind::Bool,
        ),
    ],
    examples: &["{ set = 'MSH-5', to = \"LAB\" }", "{ set = 'PID-19', null = true }"],
    compile,
};

struct Set {
    place: Place,
    /// None writes the HL7 null.
    value: Option<Template>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let place = compiler.target(section.text("set")?);
    let value = match (section.text("to"), section.bool("null").unwrap_or(false)) {
        (Some(text), false) => Some(Template::compile(text, compiler)?),
        (None, true) => None,
        (Some(_), true) => {
            let error = compiler.diags().error(
                "C0320",
                section.span_of("null"),
                "`to` and `null` exclude each other",
            );
            error.label("a null has no text");
            return None;
        }
        // A misspelt `to` was reported already.
        (None, false) if !section.is_sound() => return None,
        (None, false) => {
            let error = compiler.diags().error("C0320", section.table().span, "`to` is missing");
            error
                .label("it belongs here")
                .help("add `to = \"...\"`, or `null = true` for the HL7 null");
            return None;
        }
    };
    Some(Box::new(Set { place: place?, value }))
}

impl Action for Set {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let Some(template) = &self.value else {
            return work.at_each(&self.place, |work, path| Ok(work.set_null(path)?));
        };
        if let Some(text) = template.fixed() {
            return work.at_each(&self.place, |work, path| Ok(work.set(path, text)?));
        }
        let text = template.render(&work.scene())?.into_owned();
        work.at_each(&self.place, |work, path| Ok(work.set(path, &text)?))
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.place.may_touch(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn a_value_is_written_and_what_is_before_it_padded() {
        assert_eq!(run(r#"{ set = 'PID-3.2', to = "X" }"#, "PID|1"), "PID|1||^X");
        assert_eq!(
            run(r#"{ set = 'OBX[*]-11', to = "F" }"#, "OBX|1\rOBX|2"),
            "OBX|1||||||||||F\nOBX|2||||||||||F"
        );
        assert_eq!(run("{ set = 'PID-2', null = true }", "PID|1"), "PID|1|\"\"");
    }

    #[test]
    fn whatever_is_set_stays_one_value() {
        let step = r#"{ set = 'PID-5.1', to = "a|b^c~d\\e&f\rZZZ|1" }"#;
        assert_eq!(run(step, "PID|1"), r"PID|1||||a\F\b\S\c\R\d\E\e\T\f\X0D\ZZZ\F\1");
    }

    #[test]
    fn values_of_the_message_go_where_braces_are() {
        assert_eq!(
            run(r#"{ set = 'PID-2', to = "{PID-1}/{{x}}/{PID-9}" }"#, "PID|7"),
            "PID|7|7/{x}/"
        );
        assert_eq!(run(r#"{ set = 'PID-2', to = "{PID-1}" }"#, "PID|\"\""), "PID|\"\"");
    }

    #[test]
    fn a_missing_segment_fails_the_step() {
        assert_eq!(
            run(r#"{ set = 'PV1-2', to = "I" }"#, "PID|1"),
            "failed R0103 transform 1: the message has no PV1"
        );
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(refused("{ set = 'PID-3' }"), ["C0320 `to` is missing"]);
        assert_eq!(
            refused(r#"{ set = 'PID-3', to = "x", null = true }"#),
            ["C0320 `to` and `null` exclude each other"]
        );
        assert_eq!(
            refused(r#"{ set = 'PID', to = "x" }"#),
            ["C0304 `PID` is a segment, not a value"]
        );
        assert_eq!(refused(r#"{ set = 'MSH-2', to = "x" }"#), ["C0322 `MSH-2` cannot be changed"]);
        assert_eq!(refused(r#"{ set = 'PID-3', to = "{PID" }"#), ["C0310 this `{` is not closed"]);
    }
}
