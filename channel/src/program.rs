use crate::budget::Budget;
use crate::compiler::Compiler;
use crate::condition::Condition;
use crate::failure::Part;
use crate::place::Place;
use crate::script::{Script, Spelling};
use crate::steps::StepList;
use crate::tables::Tables;
use crate::trace::Recorder;
use crate::verdict::Run;
use crate::work::List;
use config::{CodeTable, Diagnostics, Name, Section};
use hl7::{Message, Path};
use std::sync::Arc;

/// What a channel does with a message, compiled: its filters and steps, and what each destination makes of the result.
///
/// Same message, same result: it has no clock, no chance and no way out but its return value.
pub struct Program {
    pub(crate) transform: StepList,
    pub(crate) transform_list: List,
    pub(crate) routes: Vec<Route>,
    names: Vec<Name>,
    has_scripts: bool,
    tables: Vec<Arc<CodeTable>>,
}

/// What one destination wants, and how it wants it.
pub(crate) struct Route {
    pub(crate) list: List,
    pub(crate) when: Option<Condition>,
    pub(crate) steps: StepList,
    pub(crate) order_by: Vec<Place>,
    /// Makes the body out of the message, after the steps.
    pub(crate) body: Option<Script>,
    has_scripts: bool,
    tables: Vec<Arc<CodeTable>>,
}

impl Program {
    /// Compiles the steps of `[transform]` and the `when`, `steps` and `order_by` of each destination.
    ///
    /// Every problem of all of them is reported; one error gives no program.
    pub fn compile(
        transform: Option<&Section<'_>>,
        destinations: &[(Name, &Section<'_>)],
        tables: &dyn Tables,
        diags: &mut Diagnostics,
    ) -> Option<Program> {
        let mut compiler = Compiler::new(tables, diags, false);
        let steps = match transform {
            None => Some(StepList::default()),
            Some(section) => StepList::compile(section.items("steps"), &mut compiler),
        };
        let transform_list = List { part: Part::Transform, of: compiler.numbered };
        let scripts = compiler.scripts;
        let mut looked_up = std::mem::take(&mut compiler.looked_up);
        let routes: Vec<Option<Route>> = destinations
            .iter()
            .map(|(name, section)| Route::compile(name, section, tables, diags))
            .collect();
        let transform = steps?;
        let routes = routes.into_iter().collect::<Option<Vec<Route>>>()?;
        for (route, (_, section)) in routes.iter().zip(destinations) {
            warn_if_never_wanted(&transform, route, section, diags);
        }
        let names = destinations.iter().map(|(name, _)| name.clone()).collect();
        let has_scripts = scripts > 0 || routes.iter().any(|route| route.has_scripts);
        looked_up.extend(routes.iter().flat_map(|route| route.tables.iter().cloned()));
        looked_up.sort_by(|a, b| a.name().cmp(b.name()));
        looked_up.dedup_by(|a, b| a.name() == b.name());
        Some(Program { transform, transform_list, routes, names, has_scripts, tables: looked_up })
    }

    /// The destinations, in the order of the file.
    pub fn destinations(&self) -> &[Name] {
        &self.names
    }

    /// The code tables that its steps look codes up in, by name.
    pub fn tables(&self) -> &[Arc<CodeTable>] {
        &self.tables
    }

    /// Whether running it may take as long as scripts may.
    pub fn has_scripts(&self) -> bool {
        self.has_scripts
    }

    /// Can it make several messages out of one?
    pub fn splits(&self) -> bool {
        self.transform.splits()
    }

    /// Does a step set the control id of the parts that one destination gets, after the message was split?
    ///
    /// Without one all parts have the control id of the message, and receivers may take them for the same message.
    pub fn sets_control_id_of_parts(&self, destination: usize) -> bool {
        let Ok(path) = Path::parse("MSH-10") else { return false };
        let place = Place::new(path, &[]);
        let own = self.routes.get(destination);
        self.transform.may_touch_parts(&place) || own.is_some_and(|own| own.steps.may_touch(&place))
    }

    /// Warns of a destination whose receiver recognises messages by their control id and gets several with the same one.
    ///
    /// Which connectors have such receivers is known outside of this crate.
    pub fn warn_of_one_control_id(&self, section: &Section<'_>, diags: &mut Diagnostics) {
        let Some(name) = section.text("name") else { return };
        let Some(at) = self.names.iter().position(|known| known.as_str() == name.value) else {
            return;
        };
        if self.splits() && !self.sets_control_id_of_parts(at) {
            let title = format!("all parts go to `{}` with one control id", name.value);
            diags
                .warning("C0332", name.span, title)
                .label("its receiver may take them for the same message")
                .help("add `{ set = 'MSH-10', to = \"{MSH-10}-{part}\" }` after the `split`");
        }
    }

    /// Runs a message through. Nothing it does can be seen until it returns.
    pub fn run(&self, message: Message, budget: &dyn Budget) -> Run {
        Run { verdict: crate::run::run(self, message, budget, &mut None), notes: Vec::new() }
    }

    /// What a message has to stay in order with at one destination, when it is sent there without running.
    ///
    /// Nothing when `order_by` cannot be read on it, or there is no such destination.
    pub fn order_keys(&self, destination: usize, message: Message) -> Option<Vec<Vec<u8>>> {
        crate::run::order_keys_of(self.routes.get(destination)?, message)
    }

    /// Runs a message through, with a note of what each step looked at and changed.
    pub fn trace(&self, message: Message, budget: &dyn Budget) -> Run {
        let mut recorder = Some(Recorder::default());
        let verdict = crate::run::run(self, message, budget, &mut recorder);
        Run { verdict, notes: recorder.map(|recorder| recorder.notes).unwrap_or_default() }
    }
}

impl Route {
    fn compile(
        name: &Name,
        section: &Section<'_>,
        tables: &dyn Tables,
        diags: &mut Diagnostics,
    ) -> Option<Route> {
        let mut compiler = Compiler::new(tables, diags, true);
        let when = section.text("when").map(|text| Condition::compile(text, &mut compiler));
        let order_by: Vec<Option<Place>> =
            section.texts("order_by").into_iter().map(|text| compiler.value_place(text)).collect();
        let steps = StepList::compile(section.items("steps"), &mut compiler);
        let body = section
            .text("script")
            .map(|text| Script::compile(text, Spelling::Module, &mut compiler));
        let list = List { part: Part::Destination(name.clone()), of: compiler.numbered };
        let (scripts, looked_up) = (compiler.scripts, std::mem::take(&mut compiler.looked_up));
        let when = match when {
            None => None,
            Some(condition) => Some(condition?),
        };
        Some(Route {
            list,
            when,
            steps: steps?,
            order_by: order_by.into_iter().collect::<Option<Vec<Place>>>()?,
            tables: looked_up,
            has_scripts: scripts > 0 || section.is_given("script"),
            body: match body {
                None => None,
                Some(script) => Some(script?),
            },
        })
    }
}

/// A condition that contradicts itself, or a filter that every message has passed, makes a destination that gets nothing.
fn warn_if_never_wanted(
    transform: &StepList,
    route: &Route,
    section: &Section<'_>,
    diags: &mut Diagnostics,
) {
    let (Some(when), Some(text)) = (&route.when, section.text("when")) else { return };
    let why = if when.is_impossible() {
        "this contradicts itself"
    } else if transform.guarantees().into_iter().any(|kept| kept.excludes(when)) {
        "`[transform]` lets no such message pass"
    } else {
        return;
    };
    let title = format!("destination `{}` can never get a message", route.list.part);
    diags.warning("C0331", text.span, title).label(why);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Program>();
        shared::<crate::Run>();
    }
}
