use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::template::Template;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "default",
    doc: "Writes a value where none was sent.\n\nAbsent and empty count as not sent; the HL7 null was sent and stays.",
    fields: &[
        Field::required(
            "default",
            "Where the value goes. `[*]` looks at every place by itself.",
            Kind::Path,
        ),
        Field::required(
            "to",
            "The value, with `{PID-3.1}` where a value of the message goes.",
            Kind::Template,
        ),
    ],
    examples: &["{ default = 'PV1-2', to = \"U\" }"],
    compile,
};

struct Default {
    place: Place,
    value: Template,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let place = compiler.target(section.text("default")?);
    let value = Template::compile(section.text("to")?, compiler);
    Some(Box::new(Default { place: place?, value: value? }))
}

impl Action for Default {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        work.at_each(&self.place, |work, path| {
            if work.message().exists(path) {
                return Ok(());
            }
            let text = self.value.render(&work.scene())?.into_owned();
            Ok(work.set(path, &text)?)
        })
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.place.may_touch(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::run;

    #[test]
    fn only_what_was_not_sent_is_written() {
        let step = r#"{ default = 'PID-2', to = "{PID-1}-U" }"#;
        assert_eq!(run(step, "PID|1"), "PID|1|1-U");
        assert_eq!(run(step, "PID|1||3"), "PID|1|1-U|3");
        assert_eq!(run(step, "PID|1|^&"), "PID|1|1-U");
        assert_eq!(run(step, "PID|1|x"), "PID|1|x");
        assert_eq!(run(step, "PID|1|\"\""), "PID|1|\"\"");
        assert_eq!(
            run(r#"{ default = 'OBX[*]-2', to = "ST" }"#, "OBX|1\rOBX|2|NM"),
            "OBX|1|ST\nOBX|2|NM"
        );
    }
}
