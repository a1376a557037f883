use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "upper",
    doc: "Writes values in upper case.\n\nEvery component of a value is changed by itself, after unescaping.",
    fields: &[Field::required("upper", "The values.", Kind::Paths)],
    examples: &["{ upper = 'PID-5.1' }"],
    compile,
};

struct Upper {
    places: Vec<Place>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("upper"))?;
    Some(Box::new(Upper { places }))
}

impl Action for Upper {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            work.at_each(place, |work, path| {
                leaves::change(work, path, |work, path| {
                    let text = work.text(path)?;
                    let changed = text.to_uppercase();
                    if changed == text {
                        return Ok(());
                    }
                    work.set(path, &changed)
                })
            })?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.places.iter().any(|target| target.may_touch(place))
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{run, run_bytes};

    #[test]
    fn letters_of_every_script_become_capitals() {
        assert_eq!(
            run("{ upper = ['PID-5', 'PID-6'] }", "PID|||||müller^Jörg&x|ß"),
            "PID|||||MÜLLER^JÖRG&X|SS"
        );
        assert_eq!(run("{ upper = 'PID-5' }", "PID|||||\"\""), "PID|||||\"\"");
    }

    #[test]
    fn what_cannot_be_read_fails_the_step() {
        let failed = run_bytes("{ upper = 'PID-5' }", b"PID|||||\xFFa");
        assert_eq!(
            String::from_utf8_lossy(&failed),
            "failed R0101 transform 1: PID-5 holds bytes that are not UTF-8"
        );
    }
}
