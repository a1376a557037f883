use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "clear",
    doc: "Empties values, so that the receiver keeps what it has.\n\n`PID-3[*]` empties the whole field. To tell the receiver to \
          delete its value, write the HL7 null with `set`.",
    fields: &[Field::required("clear", "What becomes empty.", Kind::Paths)],
    examples: &["{ clear = 'PID-19' }", "{ clear = ['PV1-3', 'PV1-6'] }"],
    compile,
};

struct Clear {
    places: Vec<Place>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("clear"))?;
    Some(Box::new(Clear { places }))
}

impl Action for Clear {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            for path in work.by_segment(place)? {
                work.clear(&path)?;
            }
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.places.iter().any(|target| target.may_touch(place))
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::run;

    #[test]
    fn values_become_empty_and_nothing_moves() {
        assert_eq!(
            run("{ clear = ['PID-2', 'PID-5.1', 'ZZZ-1'] }", "PID|1|x||4|a^b"),
            "PID|1|||4|^b"
        );
        assert_eq!(run("{ clear = 'PID-3[*]' }", "PID|1||a~b|4"), "PID|1|||4");
        assert_eq!(run("{ clear = 'PID-3[*].2' }", "PID|1||a^x~b^y"), "PID|1||a^~b^");
    }
}
