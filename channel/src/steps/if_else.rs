use super::{Action, StepDecl, StepList};
use crate::compiler::Compiler;
use crate::condition::Condition;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "if",
    doc: "Runs some steps when a condition holds, and others when it does not.\n\nOne step alone is shorter with `when`.",
    fields: &[
        Field::required("if", "The condition.", Kind::Condition),
        Field::required("then", "The steps when it holds.", Kind::Steps),
        Field::optional("else", "The steps when it does not.", Kind::Steps),
    ],
    examples: &[
        "{ if = 'PV1-2 = \"O\"', then = [{ clear = 'PV1-3' }], else = [{ default = 'PV1-3', to = \"UNKNOWN\" }] }",
    ],
    compile,
};

struct IfElse {
    condition: Condition,
    then: StepList,
    otherwise: StepList,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let condition = section.text("if").and_then(|text| Condition::compile(text, compiler));
    let then = StepList::compile(section.items("then"), compiler);
    let otherwise = StepList::compile(section.items("else"), compiler);
    Some(Box::new(IfElse { condition: condition?, then: then?, otherwise: otherwise? }))
}

impl Action for IfElse {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let holds = self.condition.holds(&work.scene())?;
        work.settle();
        if holds { self.then.run(work) } else { self.otherwise.run(work) }
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.then.may_touch(place) || self.otherwise.may_touch(place)
    }

    fn ends_everything(&self) -> bool {
        self.then.ends_everything() && self.otherwise.ends_everything()
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    const STEP: &str = r#"{ if = 'PV1-2 = "O"', then = [{ clear = 'PV1-3' }, { keep = 'PV1-4 exists' }], else = [{ set = 'PV1-3', to = "X" }] }"#;

    #[test]
    fn one_of_two_lists_runs() {
        assert_eq!(run(STEP, "PV1||O|A|1"), "PV1||O||1");
        assert_eq!(run(STEP, "PV1||I|A"), "PV1||I|X");
    }

    #[test]
    fn steps_inside_are_counted_on() {
        assert_eq!(run(STEP, "PV1||O|A"), "filtered by step 3");
    }

    #[test]
    fn both_lists_are_checked() {
        let step =
            r#"{ if = 'PV1-2 == "O"', then = [{ clea = 'PV1-3' }], else = [{ set = 'PV1-3' }] }"#;
        assert_eq!(
            refused(step),
            [
                "C0302 `==` is not an operator here",
                "C0101 unknown step `clea`",
                "C0320 `to` is missing"
            ]
        );
    }
}
