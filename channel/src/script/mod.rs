//! Scripts: JavaScript that is run on one message at a time, with nothing in reach but that message and the site's code tables.
//!
//! A script has no file, no network, no clock, no chance and no memory of the message before: every call has a fresh context. It
//! ends with its time and its memory, whatever it does, and hurts nobody else.

mod host;
mod machine;
mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{CodeTable, Name, Span, Text};
use hl7::Message;
use jiff::tz::TimeZone;

use crate::budget::Budget;
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::trace::Change;
use host::Host;

/// Memory of one call, in bytes.
const MEMORY_MAX: usize = 8 << 20;
/// What a message may grow by in one call, in bytes.
const GROWTH_MAX: usize = 8 << 20;

/// What the maps of a message may hold, in bytes.
const KEPT_MAX: usize = 1 << 20;

/// What scripts of one message put down for the later ones, by name, as JSON.
pub(crate) type Kept = BTreeMap<String, String>;

/// How a script is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// A module whose default export is called with the message and the context.
    Module,
    /// The body of a function that sees `msg` and the other names of a Mirth channel.
    Mirth,
}

/// A script that is right as far as that can be seen without running it on a message.
pub(crate) struct Script {
    /// Relative to the folder of the channels.
    name: String,
    source: Arc<str>,
    spelling: Spelling,
    tables: BTreeMap<Name, Arc<CodeTable>>,
    zone: TimeZone,
}

/// What a call has left behind.
pub(crate) struct Called {
    /// The message as it is now; none when it was not touched.
    pub(crate) message: Option<Message>,
    /// What the script has said.
    pub(crate) notes: Vec<String>,
    /// What it has put down for the later scripts of the same message.
    pub(crate) kept: Kept,
    /// What it changed, if that was asked for.
    pub(crate) changes: Vec<Change>,
    /// What it returned.
    pub(crate) returned: Returned,
}

/// What a script returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// Nothing, or `true`.
    Nothing,
    /// `false`.
    False,
    /// A text, or an object as JSON.
    Text(String),
    /// The message itself.
    Message,
}

/// Why a call did not come to its end.
pub(crate) enum Broke {
    /// The time of the whole message is over.
    OverBudget,
    /// The script failed; what it said may hold values of the message.
    Failed(Fault),
}

impl Script {
    /// Reads and checks the script that a channel names; what is wrong is reported at its place.
    pub(crate) fn compile(
        text: &Text,
        spelling: Spelling,
        compiler: &mut Compiler<'_>,
    ) -> Option<Script> {
        let name = text.value.clone();
        let Some(source) = compiler.tables().companion(&name) else {
            let title = format!("there is no script `{name}`");
            let error = compiler.diags().error("C0212", text.span, title);
            error
                .label("no such file in `channels/`")
                .help("a script lies in the folder of its channel: `channels/NAME/step.js` is `NAME/step.js` here");
            return None;
        };
        let tables = named_tables(&name, &source, compiler)?;
        let zone = compiler.tables().zone();
        let script = Script { name, source, spelling, tables, zone };
        match machine::check(&script) {
            Ok(()) => Some(script),
            Err(odd) => {
                let span = place(&script, odd.line, odd.column, compiler);
                let mut title = odd.message;
                // Whoever knows the Mirth spelling writes statements without a function around them.
                if ["msg", "ctx"]
                    .iter()
                    .any(|n| title == format!("ReferenceError: {n} is not defined"))
                {
                    title.push_str(" outside of `export default function (msg, ctx) { ... }`");
                }
                compiler.diags().error("C0213", span, title).label("in this script");
                None
            }
        }
    }

    /// What the channel calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs it on a message.
    pub(crate) fn call(
        &self,
        (message, part): (&Message, u32),
        kept: Kept,
        recorded: bool,
        budget: &dyn Budget,
    ) -> Result<Called, Broke> {
        let host = Host::new(message.clone(), self.tables.clone(), self.zone.clone(), part);
        machine::call(self, host.keeping(kept).recording(recorded), budget)
    }
}

/// The code tables that a script names as `ctx.table("...")`: they are part of the revision, so they must be known before it runs.
fn named_tables(
    name: &str,
    source: &str,
    compiler: &mut Compiler<'_>,
) -> Option<BTreeMap<Name, Arc<CodeTable>>> {
    let mut tables = BTreeMap::new();
    let mut sound = true;
    for (at, table) in literals(source) {
        let found = Name::new(table).ok().and_then(|table| compiler.tables().table(&table));
        match found {
            Some(found) => {
                tables.insert(found.name().clone(), found);
            }
            None => {
                sound = false;
                let file = compiler.diags().add_file(format!("channels/{name}"), source.to_owned());
                let span = Span { file, start: at, end: at + table.len() };
                let title = format!("unknown code table `{table}`");
                let error = compiler.diags().error("C0207", span, title);
                error.label("no file in `tables/` has this name");
            }
        }
    }
    sound.then_some(tables)
}

/// What stands in quotes behind `table(`, with its place.
fn literals(source: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, call) in source.match_indices("table(") {
        let start = at + call.len();
        let rest = source.get(start..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let mut inside = rest.trim_start().chars();
        let Some(quote) = inside.next().filter(|quote| matches!(quote, '"' | '\'' | '`')) else {
            continue;
        };
        let text = inside.as_str();
        if let Some(end) = text.find(quote) {
            found.push((start + blanks + 1, text.get(..end).unwrap_or_default()));
        }
    }
    found
}

/// The place of a line and column of a script, both from 1.
fn place(script: &Script, line: u32, column: u32, compiler: &mut Compiler<'_>) -> Span {
    let path = format!("channels/{}", script.name);
    let file = compiler.diags().add_file(path, script.source.to_string());
    let lines = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
    let start: usize = script.source.split_inclusive('\n').take(lines).map(str::len).sum();
    let wanted = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    let text = script.source.get(start..).unwrap_or_default();
    let text = text.split('\n').next().unwrap_or_default();
    let column: usize = text.chars().take(wanted).map(char::len_utf8).sum();
    let width = text.get(column..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span { file, start: start + column, end: start + column + width }
}
