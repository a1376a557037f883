use super::copy::Route;
use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "move",
    doc: "Moves a value with its structure: `copy`, and then the place it came from is empty.",
    fields: &[
        Field::required("move", "Where the value is.", Kind::Path),
        Field::required("to", "Where it goes.", Kind::Path),
    ],
    examples: &["{ move = 'PID-4', to = 'PID-3[2]' }"],
    compile,
};

struct Move {
    route: Route,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let from = section.text("move")?;
    let route = Route::compile(from, section.text("to")?, compiler)?;
    if route.from.path().segment.as_str() == "MSH" && matches!(route.from.path().field, Some(1 | 2))
    {
        let title = format!("`{}` cannot be changed", route.from.path());
        compiler.report(
            Problem::new("C0322", 0..from.value.len(), title, "this says how the rest is read"),
            from,
        );
        return None;
    }
    Some(Box::new(Move { route }))
}

impl Action for Move {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        self.route.carry(work)?;
        let from = work.path(&self.route.from);
        Ok(work.clear(&from)?)
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.route.from.may_touch(place) || self.route.to.may_touch(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::run;

    #[test]
    fn the_place_it_came_from_is_empty() {
        assert_eq!(run("{ move = 'PID-2', to = 'PID-3[2]' }", "PID|1|a^b|7"), "PID|1||7~a^b");
        assert_eq!(run("{ move = 'PID-2', to = 'PID-3' }", "PID|1||7"), "PID|1||");
    }
}
