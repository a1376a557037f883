use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::Repetition;

pub(super) const DECL: StepDecl = StepDecl {
    name: "delete",
    doc: "Removes segments or repetitions.\n\n`ZPI` removes all segments of that name, `OBX[2]` one of them, `PID-3[.5 = \"SS\"]` \
          the repetitions it chooses. Inside `each`, the bare name removes the current one, or all of a name that belong to it. A field keeps its place and is emptied \
          with `clear`.",
    fields: &[Field::required("delete", "What is removed.", Kind::Paths)],
    examples: &["{ delete = 'ZPI' }", "{ delete = ['NTE', 'PID-3[.5 = \"SS\"]'] }"],
    compile,
};

struct Delete {
    places: Vec<Place>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places: Vec<Option<Place>> =
        section.texts("delete").into_iter().map(|text| place(text, compiler)).collect();
    let mut places = places.into_iter().collect::<Option<Vec<Place>>>()?;
    // What belongs to the current segment goes before it: afterwards nobody could say what it belonged to.
    places.sort_by_key(|place| place.group().is_none());
    Some(Box::new(Delete { places }))
}

fn place(text: &Text, compiler: &mut Compiler<'_>) -> Option<Place> {
    let path = compiler.path(text)?;
    let whole = 0..text.value.len();
    let problem = if path.field.is_none() {
        if path.segment.as_str() != "MSH" {
            return Some(compiler.place(path));
        }
        Problem::new("C0322", whole, "`MSH` cannot be removed", "a message starts with it")
    } else if path.repetition == Repetition::First || path.component.is_some() {
        let problem = Problem::new(
            "C0322",
            whole,
            format!("`{path}` keeps its place"),
            "a segment or a repetition goes here",
        );
        problem.help(format!("write `clear = '{path}'` to empty it"))
    } else {
        return Some(compiler.place(path));
    };
    compiler.report(problem, text);
    None
}

impl Action for Delete {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            for path in place.doomed(work.message(), work.cursors())? {
                work.check_budget()?;
                work.delete(&path);
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
    use crate::bench::{refused, run};

    #[test]
    fn segments_and_repetitions_go() {
        assert_eq!(run("{ delete = 'ZPI' }", "ZPI|1\rPID|1\rZPI|2"), "PID|1");
        assert_eq!(run("{ delete = 'OBX[2]' }", "OBX|1\rOBX|2\rOBX|3"), "OBX|1\nOBX|3");
        assert_eq!(
            run(r#"{ delete = 'PID-3[.5 = "SS"]' }"#, "PID|||1^^^^MR~2^^^^SS~3^^^^PI"),
            "PID|||1^^^^MR~3^^^^PI"
        );
        assert_eq!(run("{ delete = ['NTE', 'PID-3[*]'] }", "PID|||1~2|x"), "PID||||x");
    }

    #[test]
    fn a_field_is_not_removed() {
        assert_eq!(refused("{ delete = 'PID-3' }"), ["C0322 `PID-3` keeps its place"]);
        assert_eq!(refused("{ delete = 'MSH' }"), ["C0322 `MSH` cannot be removed"]);
    }
}
