use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::condition::Condition;
use crate::failure::Fault;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "require",
    doc: "Fails messages for which a condition does not hold.\n\nUnlike a filtered message, a failed one waits for a person. With \
          `ack = \"on-accept\"` the sender is told the text of `error`.",
    fields: &[
        Field::required("require", "What has to hold.", Kind::Condition),
        Field::required(
            "error",
            "What is wrong when it does not, for the operator and the sender; no patient data.",
            Kind::Text,
        )
        .examples(&["\"no medical record number\""]),
    ],
    examples: &[
        "{ require = 'PID-3[.5 = \"MR\"].1 exists', error = \"no medical record number\" }",
    ],
    compile,
};

struct Require {
    condition: Condition,
    error: String,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let condition = Condition::compile(section.text("require")?, compiler)?;
    Some(Box::new(Require { condition, error: section.text("error")?.value.clone() }))
}

impl Action for Require {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        if self.condition.holds(&work.scene())? {
            return Ok(());
        }
        Err(Fault::new("R0120", self.error.as_str()).told(&self.error).into())
    }

    fn may_touch(&self, _: &Place) -> bool {
        false
    }

    fn guarantees(&self) -> Option<&Condition> {
        Some(&self.condition)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::run;

    #[test]
    fn what_is_required_and_not_there_fails_the_message() {
        let step =
            r#"{ require = 'PID-3[.5 = "MR"].1 exists', error = "no medical record number" }"#;
        assert_eq!(run(step, "PID|||7^^^^MR"), "PID|||7^^^^MR");
        assert_eq!(
            run(step, "PID|||7^^^^SS"),
            "failed R0120 transform 1: no medical record number"
        );
    }
}
