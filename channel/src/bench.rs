//! Runs one step on one message, for the tests beside the steps.

use crate::{Body, Program, Tables, Unlimited, Verdict};
use config::{CodeTable, Diagnostics, Name, Scope, Section, parse_toml};
use hl7::Message;
use std::sync::Arc;

const HEADER: &[u8] = b"MSH|^~\\&|A|B|C|D|20260131||ADT^A01|1|P|2.5\r";

/// The code table that steps of tests may name: `class`.
pub(crate) struct OneTable(Arc<CodeTable>, Vec<(String, Arc<str>)>);

impl OneTable {
    pub(crate) fn new() -> OneTable {
        let name = Name::new("class").unwrap();
        let text = "from,to,note\nIN,I,\nOUT,O,\nA&E,a^e,\n";
        let table = CodeTable::parse(name, "tables/class.csv", text, &mut Diagnostics::new());
        OneTable(Arc::new(table.unwrap()), Vec::new())
    }

    fn with(scripts: &[(&str, &str)]) -> OneTable {
        let scripts = scripts.iter().map(|(path, text)| ((*path).to_owned(), Arc::from(*text)));
        OneTable(OneTable::new().0, scripts.collect())
    }
}

impl Tables for OneTable {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        (name == self.0.name()).then(|| self.0.clone())
    }

    fn names(&self) -> Vec<Name> {
        vec![self.0.name().clone()]
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        let found = self.1.iter().find(|(known, _)| known == path);
        found.map(|(_, text)| Arc::clone(text))
    }
}

/// A program of one step and one destination.
pub(crate) fn compile(steps: &str) -> Result<Program, Diagnostics> {
    compile_with(&OneTable::new(), steps)
}

fn compile_with(tables: &OneTable, steps: &str) -> Result<Program, Diagnostics> {
    let mut diags = Diagnostics::new();
    let text = format!("[transform]\nsteps = [\n{steps}\n]\n[out]\n");
    let program = parse_toml(&mut diags, "channel.toml", text).and_then(|table| {
        let scope = Scope::none();
        let transform = table.get("transform")?.as_table()?;
        let transform = Section::read(transform, &[crate::TRANSFORM_FIELDS], &scope, &mut diags);
        let out = table.get("out")?.as_table()?;
        let out = Section::read(out, &[], &scope, &mut diags);
        let name = Name::new("out").unwrap();
        Program::compile(Some(&transform), &[(name, &out)], tables, &mut diags)
    });
    match program {
        Some(program) if !diags.has_errors() => Ok(program),
        _ => Err(diags),
    }
}

/// What a step makes of a message whose segments after the header are given; a failure's value is put in brackets.
pub(crate) fn run_bytes(step: &str, segments: &[u8]) -> Vec<u8> {
    run_by(compile(step), segments)
}

/// The same with scripts, by their names.
pub(crate) fn run_with(scripts: &[(&str, &str)], step: &str, segments: &str) -> String {
    let program = compile_with(&OneTable::with(scripts), step);
    String::from_utf8_lossy(&run_by(program, segments.as_bytes())).replace('\r', "\n")
}

/// A budget of so many looks at the clock, of which each script has a tenth.
struct Looks;

impl crate::Budget for Looks {
    fn over(&self) -> bool {
        false
    }

    fn script(&self) -> Box<dyn FnMut() -> bool> {
        let mut looks = 0;
        Box::new(move || {
            looks += 1;
            looks > 200
        })
    }
}

fn run_by(program: Result<Program, Diagnostics>, segments: &[u8]) -> Vec<u8> {
    let program = program.unwrap_or_else(|diags| panic!("{}", diags.render(false)));
    let received = [HEADER, segments, b"\r"].concat();
    let run = program.run(Message::parse(received.clone(), &Default::default()), &Looks);
    match run.verdict {
        Verdict::Route(outputs) => {
            let [output] = outputs.as_slice() else { panic!("one output") };
            assert!(
                output.body != Body::Made(received.clone()),
                "an unchanged message is not made anew"
            );
            let after = output.bytes(&received).strip_prefix(HEADER).unwrap();
            after.strip_suffix(b"\r").unwrap_or(after).to_vec()
        }
        Verdict::Filtered { step } => format!("filtered by step {}", step.number).into_bytes(),
        Verdict::Failed(failure) => {
            let value = failure
                .text
                .expose_phi()
                .split_once(": \"")
                .map(|(_, value)| value.trim_end_matches('"'));
            let value = value.map(|value| format!(" [{value}]")).unwrap_or_default();
            format!("failed {}{value}", failure.signature).into_bytes()
        }
        Verdict::Unrouted | Verdict::OverBudget => b"not routed".to_vec(),
    }
}

/// The same for text, with line ends between segments.
pub(crate) fn run(step: &str, segments: &str) -> String {
    String::from_utf8_lossy(&run_bytes(step, segments.as_bytes())).replace('\r', "\n")
}

/// The parts that steps make of a message, each with its number and its segments after the header.
pub(crate) fn parts(steps: &str, segments: &str) -> Vec<String> {
    let program = compile(steps).unwrap_or_else(|diags| panic!("{}", diags.render(false)));
    let received = [HEADER, segments.replace('\n', "\r").as_bytes(), b"\r"].concat();
    match program.run(Message::parse(received.clone(), &Default::default()), &Unlimited).verdict {
        Verdict::Route(outputs) => {
            let shown = outputs.iter().map(|output| {
                let bytes = String::from_utf8_lossy(output.bytes(&received)).into_owned();
                let (_, segments) = bytes.split_once('\r').unwrap();
                let segments = match &output.body {
                    Body::AsReceived => "as received".to_owned(),
                    Body::Made(_) => segments.trim_end_matches('\r').replace('\r', " "),
                };
                format!("{}: {segments}", output.part)
            });
            shown.collect()
        }
        Verdict::Filtered { step } => vec![format!("filtered by step {}", step.number)],
        Verdict::Failed(failure) => vec![format!("failed {}", failure.signature)],
        Verdict::Unrouted | Verdict::OverBudget => vec!["not routed".to_owned()],
    }
}

/// What is wrong with a step: codes and titles in the order of the text.
pub(crate) fn refused(step: &str) -> Vec<String> {
    refused_with(&[], step)
}

/// The same with scripts, by their names.
pub(crate) fn refused_with(scripts: &[(&str, &str)], step: &str) -> Vec<String> {
    match compile_with(&OneTable::with(scripts), step) {
        Ok(_) => vec!["accepted".to_owned()],
        Err(diags) => diags
            .sorted()
            .iter()
            .map(|found| format!("{} {}", found.code(), found.title()))
            .collect(),
    }
}
