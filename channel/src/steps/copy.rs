use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::{Occurrence, Path, Repetition};

pub(super) const DECL: StepDecl = StepDecl {
    name: "copy",
    doc: "Copies a value with its structure.\n\nComponents stay components, and the HL7 null stays null. When there is nothing to \
          copy, the other place becomes empty. A value with components does not fit into one component, which fails the step. \
          `PID-3[*]` to `PID-4[*]` copies a whole field with all its repetitions.",
    fields: &[
        Field::required("copy", "Where the value is.", Kind::Path),
        Field::required("to", "Where it goes.", Kind::Path),
    ],
    examples: &["{ copy = 'PID-3[.5 = \"MR\"].1', to = 'PID-2' }"],
    compile,
};

struct Copy {
    route: Route,
}

/// From where to where a value is carried.
pub(super) struct Route {
    pub(super) from: Place,
    pub(super) to: Place,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let route = Route::compile(section.text("copy")?, section.text("to")?, compiler)?;
    Some(Box::new(Copy { route }))
}

impl Action for Copy {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        self.route.carry(work)
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.route.to.may_touch(place)
    }
}

impl Route {
    pub(super) fn compile(
        from_text: &Text,
        to_text: &Text,
        compiler: &mut Compiler<'_>,
    ) -> Option<Route> {
        let from = compiler.value_place(from_text);
        let to = compiler.target(to_text);
        let (from, to) = (from?, to?);
        let both_fields = is_whole_field(from.path()) && is_whole_field(to.path());
        if from.is_all() && !both_fields {
            let title = format!("`{}` means several values", from.path());
            let problem =
                Problem::new("C0322", 0..from_text.value.len(), title, "one value is carried");
            compiler.report(
                problem.help("a whole field is copied as `PID-3[*]` to `PID-4[*]`"),
                from_text,
            );
            return None;
        }
        if overlap(from.path(), to.path()) {
            let title = format!(
                "`{}` and `{}` are the same place or inside each other",
                from.path(),
                to.path()
            );
            compiler.report(
                Problem::new("C0322", 0..to_text.value.len(), title, "name another place"),
                to_text,
            );
            return None;
        }
        Some(Route { from, to })
    }

    pub(super) fn carry(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let from = work.path(&self.from);
        if !from.is_many() || from.repetition != Repetition::All {
            let raw = work.message().raw(&from).unwrap_or_default().to_vec();
            return work.at_each(&self.to, |work, path| put(work, path, &raw));
        }
        let repetitions = work.message().raw_all(&from);
        let raw = repetitions.join(work.message().delimiters().repetition());
        put(work, &work.path(&self.to), &raw)
    }
}

fn put(work: &mut Work<'_>, path: &Path, raw: &[u8]) -> Result<(), Stop> {
    // Emptying what is not there needs no segment.
    if raw.is_empty() { Ok(work.clear(path)?) } else { Ok(work.set_raw(path, raw)?) }
}

fn is_whole_field(path: &Path) -> bool {
    path.repetition == Repetition::All
        && path.occurrence != Occurrence::All
        && path.component.is_none()
}

/// Is one path the other, or a part of it? Paths that may or may not be the same place are taken as different.
fn overlap(a: &Path, b: &Path) -> bool {
    let first = |occurrence: Occurrence| match occurrence {
        Occurrence::First => Occurrence::Nth(1),
        other @ (Occurrence::Nth(_) | Occurrence::All) => other,
    };
    let repetition = |path: &Path| match &path.repetition {
        Repetition::First => Repetition::Nth(1),
        other @ (Repetition::Nth(_) | Repetition::All | Repetition::Where { .. }) => other.clone(),
    };
    let inside = |a: Option<u16>, b: Option<u16>| a.is_none() || b.is_none() || a == b;
    a.segment == b.segment
        && first(a.occurrence) == first(b.occurrence)
        && a.field == b.field
        && repetition(a) == repetition(b)
        && inside(a.component, b.component)
        && (a.component.is_none()
            || b.component.is_none()
            || inside(a.subcomponent, b.subcomponent))
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn structure_is_carried() {
        assert_eq!(
            run("{ copy = 'PID-3', to = 'PID-2' }", "PID|1||7^^^A&B~8"),
            "PID|1|7^^^A&B|7^^^A&B~8"
        );
        assert_eq!(
            run("{ copy = 'PID-3[*]', to = 'PID-4[*]' }", "PID|1||7^A~8"),
            "PID|1||7^A~8|7^A~8"
        );
        assert_eq!(run("{ copy = 'PID-3', to = 'PID-2' }", r#"PID|1||"""#), r#"PID|1|""|"""#);
        assert_eq!(run("{ copy = 'PID-3', to = 'PID-2' }", r"PID|1||a\F\b"), r"PID|1|a\F\b|a\F\b");
    }

    #[test]
    fn nothing_to_copy_leaves_nothing() {
        assert_eq!(run("{ copy = 'PV1-3', to = 'PID-2' }", "PID|1|x"), "PID|1|");
        assert_eq!(run("{ copy = 'PV1-3', to = 'ZZZ-2' }", "PID|1"), "PID|1");
    }

    #[test]
    fn what_does_not_fit_fails_the_step() {
        let failed = "failed R0104 transform 1: the raw value would change the structure around it";
        assert_eq!(run("{ copy = 'PID-3', to = 'PID-2.1' }", "PID|1||7^8"), failed);
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(
            refused("{ copy = 'PID-3[*]', to = 'PID-2' }"),
            ["C0322 `PID-3[*]` means several values"]
        );
        let inside = "C0322 `PID-3` and `PID-3[1].2` are the same place or inside each other";
        assert_eq!(refused("{ copy = 'PID-3', to = 'PID-3[1].2' }"), [inside]);
    }
}
