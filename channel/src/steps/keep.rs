use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::condition::Condition;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "keep",
    doc: "Keeps the messages for which a condition holds, and filters the others.\n\nA filtered message is acknowledged and \
          shown as `filtered`, with the number of this step. Filters stand in `[transform]`; a destination has its `when`.",
    fields: &[Field::required(
        "keep",
        "What has to hold for the message to go on.",
        Kind::Condition,
    )],
    examples: &["{ keep = 'MSH-9.1 = \"ADT\" and MSH-9.2 in (\"A01\", \"A04\", \"A08\")' }"],
    compile,
};

struct Keep {
    condition: Condition,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let allowed = compiler.filter_allowed("keep", section.span_of("keep"));
    let condition = Condition::compile(section.text("keep")?, compiler)?;
    allowed.then_some(Box::new(Keep { condition }))
}

impl Action for Keep {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        if self.condition.holds(&work.scene())? { Ok(()) } else { Err(Stop::Filtered(None)) }
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
    use crate::bench::{refused, run};

    #[test]
    fn what_is_not_kept_is_filtered() {
        assert_eq!(run(r#"{ keep = 'PID-8 = "F"' }"#, "PID||||||||F"), "PID||||||||F");
        assert_eq!(run(r#"{ keep = 'PID-8 = "F"' }"#, "PID||||||||M"), "filtered by step 1");
    }

    #[test]
    fn a_loop_filters_no_message() {
        let step = r#"{ each = "OBX", do = [{ keep = 'OBX-11 = "F"' }] }"#;
        assert_eq!(refused(step), ["C0321 `keep` cannot stand inside `each`"]);
    }
}
