use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::{Place, countable};
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::{Occurrence, Path, Repetition, SegmentName};

pub(super) const DECL: StepDecl = StepDecl {
    name: "renumber",
    doc: "Numbers the segments of a name anew: 1, 2, 3 in the order of the message.\n\nThe number is written into one field of each of \
          them, whatever stood there. With `within` it starts again at 1 after each segment of another name.",
    fields: &[
        Field::required("renumber", "The field that the number goes to.", Kind::Path)
            .examples(&["'OBX-1'"]),
        Field::optional(
            "within",
            "The name of the segment after which it starts again.",
            Kind::Text,
        )
        .examples(&["\"OBR\""]),
    ],
    examples: &["{ renumber = 'OBX-1' }", "{ renumber = 'OBX-1', within = \"OBR\" }"],
    compile,
};

struct Renumber {
    /// The field in every segment of its name.
    place: Place,
    within: Option<SegmentName>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let place = field(section.text("renumber")?, compiler);
    let within = match section.text("within") {
        None => None,
        Some(text) => Some(within(text, place.as_ref(), compiler)?),
    };
    Some(Box::new(Renumber { place: place?, within }))
}

fn field(text: &Text, compiler: &mut Compiler<'_>) -> Option<Place> {
    let place = compiler.target(text)?;
    let path = place.path();
    let whole = 0..text.value.len();
    let plain = Path { field: path.field, ..Path::of_segment(path.segment) };
    if *path != plain {
        let title = format!("`{path}` is not the same field of every {}", path.segment);
        let problem = Problem::new("C0322", whole, title, "a field goes here");
        compiler.report(problem.help(format!("write `{plain}`")), text);
        return None;
    }
    if compiler.is_looped(path.segment) {
        let title =
            format!("`renumber = '{path}'` cannot stand inside `each = \"{}\"`", path.segment);
        let problem = Problem::new("C0321", whole, title, "it numbers all of them each time");
        compiler.report(problem.help("put it after the loop"), text);
        return None;
    }
    let every = Path { occurrence: Occurrence::All, ..plain };
    Some(compiler.place(every))
}

fn within(text: &Text, place: Option<&Place>, compiler: &mut Compiler<'_>) -> Option<SegmentName> {
    let name = compiler.segment(text)?;
    if place.is_some_and(|place| place.path().segment == name) {
        let title = format!("every {name} would get the number 1");
        let label = "another segment goes here";
        compiler.report(Problem::new("C0320", 0..text.value.len(), title, label), text);
        return None;
    }
    Some(name)
}

impl Action for Renumber {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let mut starts: Vec<usize> = Vec::new();
        if let Some(within) = self.within {
            starts.extend(work.message().positions(within));
        }
        let segment = self.place.path().segment;
        let positions: Vec<usize> = work.message().positions(segment).collect();
        let mut starts = starts.into_iter().peekable();
        let mut number = 0;
        for path in work.each(&self.place)? {
            work.check_budget()?;
            let Occurrence::Nth(n) = path.occurrence else { continue };
            let at = positions.get(usize::from(n).saturating_sub(1)).copied().unwrap_or(0);
            while starts.next_if(|start| *start < at).is_some() {
                number = 0;
            }
            number += 1;
            let path = Path { repetition: Repetition::First, ..path };
            work.set(&path, &countable(number, &path)?.to_string())?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.place.may_touch(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn segments_are_numbered_in_the_order_of_the_message() {
        assert_eq!(
            run("{ renumber = 'OBX-1' }", "OBX|7|a\rNTE|5\rOBX\rOBR|1\rOBX|\"\"|c"),
            "OBX|1|a\nNTE|5\nOBX|2\nOBR|1\nOBX|3|c"
        );
        assert_eq!(run("{ renumber = 'OBX-1' }", "PID|1"), "PID|1");
        assert_eq!(run("{ renumber = 'OBX-1' }", "OBX|1\rOBX|2"), "OBX|1\nOBX|2");
    }

    #[test]
    fn numbers_start_again_where_they_are_told_to() {
        let step = r#"{ renumber = 'OBX-1', within = "OBR" }"#;
        assert_eq!(
            run(step, "OBX|9\rOBX|9\rOBR|1\rOBX|9\rNTE|1\rOBX|9\rOBR|2\rOBR|3\rOBX|9"),
            "OBX|1\nOBX|2\nOBR|1\nOBX|1\nNTE|1\nOBX|2\nOBR|2\nOBR|3\nOBX|1"
        );
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(refused("{ renumber = 'OBX' }"), ["C0304 `OBX` is a segment, not a value"]);
        for path in ["OBX[2]-1", "OBX[*]-1", "OBX-1[2]", "OBX-1.1"] {
            assert_eq!(
                refused(&format!("{{ renumber = '{path}' }}")),
                [format!("C0322 `{path}` is not the same field of every OBX")]
            );
        }
        assert_eq!(
            refused(r#"{ renumber = 'OBX-1', within = "OBX" }"#),
            ["C0320 every OBX would get the number 1"]
        );
        assert_eq!(
            refused(r#"{ renumber = 'OBX-1', within = "obr" }"#),
            ["C0322 `obr` is not the name of a segment"]
        );
        assert_eq!(
            refused(r#"{ each = "OBX", do = [{ renumber = 'OBX-1' }] }"#),
            [r#"C0321 `renumber = 'OBX-1'` cannot stand inside `each = "OBX"`"#]
        );
    }
}
