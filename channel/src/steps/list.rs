use super::{Action, STEP_FIELDS, STEPS, StepDecl};
use crate::compiler::Compiler;
use crate::condition::Condition;
use crate::place::Place;
use crate::trace::Did;
use crate::work::{Mark, Stop, Work};
use config::{Item, Span, Table};

/// The most steps of one list, those inside `if` and `each` included.
const STEPS_MAX: u16 = 1_000;
/// The most lists inside each other.
const DEPTH_MAX: usize = 8;

/// Steps, one after the other.
#[derive(Default)]
pub(crate) struct StepList {
    steps: Vec<Step>,
}

struct Step {
    mark: Mark,
    verb: &'static str,
    when: Option<Condition>,
    action: Box<dyn Action>,
}

impl StepList {
    /// Compiles a list; every problem of every step is reported, and one problem gives none.
    pub(crate) fn compile(items: &[Item], compiler: &mut Compiler<'_>) -> Option<StepList> {
        if let Some(first) = items.first().filter(|_| compiler.depth >= DEPTH_MAX) {
            let title = format!("steps are at most {DEPTH_MAX} levels deep");
            compiler.diags().error("C0323", first.span(), title).label("too deep");
            return None;
        }
        compiler.depth += 1;
        let mut sound = true;
        let mut steps: Vec<Step> = Vec::with_capacity(items.len());
        // What is no table was reported when the list was read.
        for table in items.iter().filter_map(Item::as_table) {
            if compiler.numbered >= STEPS_MAX {
                let title = format!("a list has at most {STEPS_MAX} steps");
                compiler.diags().error("C0323", table.span, title).label("one too many");
                sound = false;
                break;
            }
            if steps.last().is_some_and(Step::ends_everything) && sound {
                unreachable(table.span, compiler);
            }
            match Step::compile(table, compiler) {
                Some(step) => steps.push(step),
                None => sound = false,
            }
        }
        compiler.depth -= 1;
        (sound && steps.len() == items.len()).then_some(StepList { steps })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs the steps in order, until one stops the message.
    pub(crate) fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for step in &self.steps {
            step.run_noted(work)?;
            if work.is_gone() {
                break;
            }
        }
        Ok(())
    }

    /// Runs the steps from one on, and says where to go on when they came to one that splits: every part has to come there before
    /// any goes on, since only then it is known how many there are.
    pub(crate) fn run_from(&self, from: usize, work: &mut Work<'_>) -> Result<Option<usize>, Stop> {
        for (at, step) in self.steps.iter().enumerate().skip(from) {
            step.run_noted(work)?;
            if step.action.splits() {
                return Ok(Some(at + 1));
            }
        }
        Ok(None)
    }

    /// Where the steps begin that run for each part by itself; none when nothing splits.
    fn after_split(&self) -> Option<usize> {
        self.steps.iter().rposition(|step| step.action.splits()).map(|at| at + 1)
    }

    pub(crate) fn splits(&self) -> bool {
        self.after_split().is_some()
    }

    /// Can one of the steps that run for each part by itself change what is read at a place?
    pub(crate) fn may_touch_parts(&self, place: &Place) -> bool {
        let parts = self.after_split().and_then(|from| self.steps.get(from..)).unwrap_or_default();
        parts.iter().any(|step| step.action.may_touch(place))
    }

    /// Can one of the steps change what is read at a place?
    pub(crate) fn may_touch(&self, place: &Place) -> bool {
        self.steps.iter().any(|step| step.action.may_touch(place))
    }

    /// The conditions that hold for every message that comes out, as far as no later step can undo them.
    pub(crate) fn guarantees(&self) -> Vec<&Condition> {
        let mut found = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let Some(condition) = step.action.guarantees().filter(|_| step.when.is_none()) else {
                continue;
            };
            let later = self.steps.get(at + 1..).unwrap_or_default();
            if condition
                .places()
                .iter()
                .all(|place| !later.iter().any(|step| step.action.may_touch(place)))
            {
                found.push(condition);
            }
        }
        found
    }

    pub(crate) fn ends_everything(&self) -> bool {
        self.steps.iter().any(Step::ends_everything)
    }
}

impl Step {
    fn compile(table: &Table, compiler: &mut Compiler<'_>) -> Option<Step> {
        compiler.numbered += 1;
        let mark = Mark { number: compiler.numbered, line: compiler.line(table.span) };
        let decl = declaration(table, compiler)?;
        let section = compiler.section(table, &[decl.fields, STEP_FIELDS]);
        let when = section.text("when").map(|text| Condition::compile(text, compiler));
        let action = (decl.compile)(&section, compiler);
        if !section.is_sound() {
            return None;
        }
        let when = match when {
            None => None,
            Some(condition) => Some(condition?),
        };
        Some(Step { mark, verb: decl.name, when, action: action? })
    }

    /// Runs it, with a note of what it did when someone wants to know.
    fn run_noted(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        work.check_budget()?;
        work.begin(self.mark, self.verb);
        let result = self.run(work);
        work.end(match &result {
            Ok(true) => Did::Ran,
            Ok(false) => Did::NotAsked,
            Err(Stop::Filtered(_)) => Did::Stopped,
            Err(Stop::Failed(..)) => Did::Failed,
            Err(Stop::OverBudget) => Did::OutOfTime,
        });
        result.map(|_| ())
    }

    /// Whether it ran: false when its `when` did not hold.
    fn run(&self, work: &mut Work<'_>) -> Result<bool, Stop> {
        let ran = match &self.when {
            None => Ok(true),
            Some(when) => when.holds(&work.scene()).map_err(Stop::from),
        };
        match ran {
            Ok(false) => Ok(false),
            Ok(true) => self.action.run(work).map(|()| true),
            Err(stop) => Err(stop),
        }
        .map_err(|stop| match stop {
            Stop::Failed(fault, None) => Stop::Failed(fault, Some(self.mark)),
            Stop::Filtered(None) => Stop::Filtered(Some(self.mark)),
            other @ (Stop::Failed(..) | Stop::Filtered(_) | Stop::OverBudget) => other,
        })
    }

    fn ends_everything(&self) -> bool {
        self.when.is_none() && self.action.ends_everything()
    }
}

/// The declaration of the step that a table is: the one whose verb is among its keys.
fn declaration(table: &Table, compiler: &mut Compiler<'_>) -> Option<&'static StepDecl> {
    let of = |key: &str| STEPS.iter().find(|decl| decl.name == key);
    let mut verbs =
        table.entries.iter().filter_map(|(key, _)| of(&key.value).map(|decl| (key, decl)));
    if let Some((first, decl)) = verbs.next() {
        if let Some((second, _)) = verbs.next() {
            let title = format!("`{}` and `{}` are two steps", first.value, second.value);
            compiler
                .diags()
                .error("C0320", second.span, title)
                .label("a step of its own")
                .help("write one `{ ... }` for each");
            return None;
        }
        return Some(decl);
    }
    let carried = |key: &str| STEP_FIELDS.iter().any(|field| field.name == key);
    let Some((key, _)) = table.entries.iter().find(|(key, _)| !carried(&key.value)) else {
        compiler
            .diags()
            .error("C0101", table.span, "this step does nothing")
            .label("a verb such as `set` is missing");
        return None;
    };
    let near = config::nearest(&key.value, STEPS.iter().map(|decl| decl.name));
    let unknown = compiler
        .diags()
        .error("C0101", key.span, format!("unknown step `{}`", key.value))
        .label("not a step");
    match near {
        Some(_) => unknown.did_you_mean(near),
        None => {
            let all: Vec<String> = STEPS.iter().map(|decl| format!("`{}`", decl.name)).collect();
            unknown.help(format!("the steps are {}", all.join(", ")))
        }
    };
    None
}

fn unreachable(span: Span, compiler: &mut Compiler<'_>) {
    compiler
        .diags()
        .warning("C0330", span, "this step is never reached")
        .label("every message is dropped before it");
}
