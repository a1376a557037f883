use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "lower",
    doc: "Writes values in lower case.\n\nEvery component of a value is changed by itself, after unescaping.",
    fields: &[Field::required("lower", "The values.", Kind::Paths)],
    examples: &["{ lower = 'PID-5.1' }"],
    compile,
};

struct Lower {
    places: Vec<Place>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("lower"))?;
    Some(Box::new(Lower { places }))
}

impl Action for Lower {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            work.at_each(place, |work, path| {
                leaves::change(work, path, |work, path| {
                    let text = work.text(path)?;
                    let changed = text.to_lowercase();
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
    use crate::bench::run;

    #[test]
    fn capitals_of_every_script_become_small() {
        assert_eq!(run("{ lower = 'PID-5' }", "PID|||||MÜLLER^JÖRG"), "PID|||||müller^jörg");
    }
}
