use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::condition::Condition;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "drop",
    doc: "Filters the messages for which a condition holds, and lets the others go on.\n\n`drop = true` filters every \
          message that comes here. A filtered message is acknowledged and shown as `filtered`, with the number of this step.",
    fields: &[Field::required(
        "drop",
        "What has to hold for the message to be filtered; or `true`.",
        KIND,
    )],
    examples: &[
        "{ drop = 'not (OBX exists)' }",
        "{ drop = true, when = 'PID-5.1 starts with \"ZZTEST\"' }",
    ],
    compile,
};

const KIND: Kind = Kind::Any(&[Kind::Condition, Kind::Bool]);

struct Drop {
    /// None drops everything.
    condition: Option<Condition>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let span = section.span_of("drop");
    let allowed = compiler.filter_allowed("drop", span);
    let condition = match (section.bool("drop"), section.text("drop")) {
        (Some(true), _) => None,
        (Some(false), _) => {
            compiler
                .diags()
                .error("C0320", span, "`drop = false` drops nothing")
                .label("a condition or `true` goes here");
            return None;
        }
        (None, text) => Some(Condition::compile(text?, compiler)?),
    };
    allowed.then_some(Box::new(Drop { condition }))
}

impl Action for Drop {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let dropped = match &self.condition {
            None => true,
            Some(condition) => condition.holds(&work.scene())?,
        };
        if dropped { Err(Stop::Filtered(None)) } else { Ok(()) }
    }

    fn may_touch(&self, _: &Place) -> bool {
        false
    }

    fn ends_everything(&self) -> bool {
        self.condition.is_none()
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn what_is_dropped_is_filtered() {
        assert_eq!(run("{ drop = 'not (OBX exists)' }", "PID|1"), "filtered by step 1");
        assert_eq!(run("{ drop = 'not (OBX exists)' }", "OBX|1"), "OBX|1");
        assert_eq!(run("{ drop = true, when = 'PID-1 = \"1\"' }", "PID|1"), "filtered by step 1");
        assert_eq!(run("{ drop = true, when = 'PID-1 = \"1\"' }", "PID|2"), "PID|2");
    }

    #[test]
    fn a_drop_that_drops_nothing_was_meant_otherwise() {
        assert_eq!(refused("{ drop = false }"), ["C0320 `drop = false` drops nothing"]);
    }
}
