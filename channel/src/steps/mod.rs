//! The steps of the language, one file each.

mod clear;
mod copy;
mod date;
mod default;
mod delete;
mod drop;
mod each;
mod if_else;
mod insert;
mod keep;
mod leaves;
mod list;
mod lower;
mod map;
mod miss;
mod move_value;
mod number;
mod pad;
mod renumber;
mod replace;
mod require;
mod script;
mod set;
mod split;
mod trim;
mod upper;
mod validate;

pub(crate) use list::StepList;

use crate::compiler::Compiler;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

/// A step of the language, declared once: the reader, the checks, the schema and the reference come out of it.
pub struct StepDecl {
    /// Its verb, which is the key that a step starts with.
    pub name: &'static str,
    /// What it does, in Markdown, first sentence first.
    pub doc: &'static str,
    /// Its keys, the verb first; every step may carry [`STEP_FIELDS`] beside them.
    pub fields: &'static [Field],
    /// Whole steps as they would be written.
    pub examples: &'static [&'static str],
    pub(crate) compile: Compile,
}

/// Makes a step out of its keys, which are sound. What is wrong beyond that is reported, and gives none.
pub(crate) type Compile = fn(&Section<'_>, &mut Compiler<'_>) -> Option<Box<dyn Action>>;

/// What a compiled step does to a message.
pub(crate) trait Action: Send + Sync {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop>;

    /// Can running it change what is read at a place? Asked for the warning of a destination that can never match.
    fn may_touch(&self, place: &Place) -> bool;

    /// The condition that holds whenever the message passes.
    fn guarantees(&self) -> Option<&crate::condition::Condition> {
        None
    }

    /// Can it make several messages out of one?
    fn splits(&self) -> bool {
        false
    }

    /// Does nothing that stands after it ever run?
    fn ends_everything(&self) -> bool {
        false
    }
}

/// What every step may carry.
pub const STEP_FIELDS: &[Field] = &[
    Field::optional("when", "The step is left out unless this condition holds.", Kind::Condition)
        .examples(&["'PV1-2 = \"O\"'"]),
    Field::optional(
        "note",
        "Why the step is there, for whoever reads the channel next.",
        Kind::Text,
    )
    .examples(&["\"the laboratory knows no outpatients\""]),
];

/// Every step, in the order of the reference.
pub const STEPS: &[StepDecl] = &[
    keep::DECL,
    drop::DECL,
    set::DECL,
    copy::DECL,
    move_value::DECL,
    clear::DECL,
    default::DECL,
    map::DECL,
    replace::DECL,
    trim::DECL,
    upper::DECL,
    lower::DECL,
    pad::DECL,
    number::DECL,
    date::DECL,
    delete::DECL,
    insert::DECL,
    renumber::DECL,
    split::DECL,
    require::DECL,
    if_else::DECL,
    each::DECL,
    script::DECL,
    validate::DECL,
];

/// Every step of the language.
pub fn steps() -> &'static [StepDecl] {
    STEPS
}

/// JSON schema of a list of steps: what `Kind::Steps` stands for.
pub fn steps_schema() -> serde_json::Value {
    let shapes = STEPS.iter().map(|step| {
        let mut shape =
            config::schema::object(&[step.fields, STEP_FIELDS], config::schema::Variables::Refused);
        shape["title"] = step.name.into();
        shape["description"] = step.doc.into();
        shape["required"] = match shape["required"].take() {
            serde_json::Value::Array(mut required) => {
                if !required.iter().any(|name| name == step.name) {
                    required.insert(0, step.name.into());
                }
                required.into()
            }
            _ => vec![step.name].into(),
        };
        shape
    });
    serde_json::json!({ "type": "array", "items": { "oneOf": shapes.collect::<Vec<_>>() } })
}
