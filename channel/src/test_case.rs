//! Tests beside a channel: a message, what must go to each destination, and how it must end.
//!
//! Clock, ids and chance are absent in steps, so what came out once comes out again, and nothing has to be masked.

use config::{Choice, Field, Kind, Section, Text, Value};
use hl7::{Message, ParseOptions, differences};

use crate::channel::Channel;
use crate::dry_run::{DryOutput, DryRun, Fate};
use crate::failure::StepAt;
use crate::trace::Note;

/// One test.
pub struct TestCase {
    /// What is received.
    pub input: Vec<u8>,
    /// What must be sent; nothing more.
    pub expected: Vec<Expected>,
    /// How it must end, as far as that is said.
    pub outcome: Option<ExpectedOutcome>,
}

/// A body that must be sent.
pub struct Expected {
    /// The file that says so: `lab.hl7`, or `results.2.json` for the second part of a split.
    pub file: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// `outcome.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedOutcome {
    disposition: Option<&'static str>,
    step: Option<u16>,
    ack: Option<String>,
    dead: Option<Vec<String>>,
}

/// Something that came out otherwise than expected. Values are those of the test's own message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// A destination, with the part of a split; or `outcome`.
    pub place: String,
    /// The field, or what of the outcome.
    pub path: String,
    /// What was expected; none when nothing was.
    pub expected: Option<String>,
    /// What came; none when nothing did.
    pub got: Option<String>,
    /// Why: a sentence about the step that did it.
    pub why: Option<String>,
    /// That step.
    pub step: Option<StepAt>,
}

/// The settings of `outcome.toml`.
pub const OUTCOME_FIELDS: &[Field] = &[
    Field::optional("disposition", "What must become of the message.", Kind::Choice(FATES))
        .examples(&["\"filtered\""]),
    Field::optional(
        "step",
        "The number of the step that must have filtered it, or must have failed.",
        Kind::Integer { min: 1, max: 10_000 },
    ),
    Field::optional(
        "ack",
        "The code that the sender must get: `AA`, `AE`, `AR`; `none` for no answer at once.",
        Kind::Text,
    )
    .examples(&["\"AA\""]),
    Field::optional("dead", "The destinations whose own steps must fail.", Kind::List(&Kind::Name))
        .examples(&["[\"registry\"]"]),
];

const FATES: &[Choice] = &[
    Choice { name: "routed", doc: "At least one destination gets it." },
    Choice { name: "filtered", doc: "A filter stops it." },
    Choice { name: "unrouted", doc: "No destination wants it." },
    Choice { name: "rejected", doc: "It is not taken in." },
    Choice { name: "failed", doc: "A step of `[transform]` fails." },
    Choice { name: "acknowledgement", doc: "It is an answer to one of our own messages." },
];

impl ExpectedOutcome {
    /// Takes it from a section read by [`OUTCOME_FIELDS`].
    pub fn read(section: &Section<'_>) -> ExpectedOutcome {
        let named = |values: &[Value<'_>]| {
            let names = values.iter().filter_map(Value::text);
            names.map(|name: &Text| name.value.clone()).collect()
        };
        ExpectedOutcome {
            disposition: section.choice("disposition"),
            step: section.integer("step").and_then(|step| u16::try_from(step).ok()),
            ack: section.text("ack").map(|text| text.value.clone()),
            dead: section.is_given("dead").then(|| named(section.list("dead"))),
        }
    }
}

/// What a test shows of a run that is not what the test says; nothing when all of it is.
pub fn compare(channel: &Channel, case: &TestCase, run: &DryRun) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut left: Vec<&DryOutput> =
        run.outputs.iter().filter(|output| output.failure.is_none()).collect();
    for expected in &case.expected {
        let (destination, part) = named(&expected.file);
        let at = left.iter().position(|output| {
            output.destination.as_str() == destination
                && part.is_none_or(|part| part == output.part)
        });
        match at {
            Some(at) => bodies(channel, expected, left.swap_remove(at), run, &mut found),
            None => found.push(missing(channel, &expected.file, destination, part, run)),
        }
    }
    found.extend(left.into_iter().map(|output| unexpected(output, run)));
    outcome(case, run, &mut found);
    found
}

/// The files that a run would be kept as, by name: what `--accept` writes.
pub fn kept(run: &DryRun) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for output in run.outputs.iter().filter(|output| output.failure.is_none()) {
        let name = output.destination.as_str();
        let several = run.outputs.iter().any(|other| other.part > 1);
        let kind = match output.bytes.first() {
            Some(b'{' | b'[') => "json",
            _ if output.bytes.windows(3).take(4).any(|start| start == b"MSH") => "hl7",
            _ => "txt",
        };
        let file = match several {
            true => format!("{name}.{}.{kind}", output.part),
            false => format!("{name}.{kind}"),
        };
        files.push((file, output.bytes.clone()));
    }
    files.push(("outcome.toml".to_owned(), outcome_text(run).into_bytes()));
    files
}

fn outcome_text(run: &DryRun) -> String {
    let mut text = format!("disposition = \"{}\"\n", run.fate.as_str());
    if let Some(step) = run.fate.step() {
        text.push_str(&format!("step = {}\n", step.number));
    }
    text.push_str(&format!("ack = \"{}\"\n", run.ack.unwrap_or("none")));
    let dead = dead(run);
    if !dead.is_empty() {
        text.push_str(&format!("dead = {dead:?}\n"));
    }
    text
}

/// The destination and part that a file is about.
fn named(file: &str) -> (&str, Option<u32>) {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem.rsplit_once('.').and_then(|(name, part)| Some((name, part.parse().ok()?))) {
        Some((name, part)) => (name, Some(part)),
        None => (stem, None),
    }
}

fn place(output: &DryOutput, run: &DryRun) -> String {
    match run.outputs.iter().any(|other| other.part > 1) {
        true => format!("{} part {}", output.destination, output.part),
        false => output.destination.to_string(),
    }
}

fn bodies(
    channel: &Channel,
    expected: &Expected,
    output: &DryOutput,
    run: &DryRun,
    found: &mut Vec<Mismatch>,
) {
    let is_message = |bytes: &[u8]| hl7::peek(bytes).is_ok();
    if !is_message(&output.bytes) || !is_message(&expected.bytes) {
        return texts(expected, output, run, found);
    }
    let read = |bytes: &[u8]| -> Message {
        let mut message = Message::parse(bytes.to_vec(), &ParseOptions::default());
        channel.set_charset(&mut message);
        message
    };
    for one in differences(&read(&expected.bytes), &read(&output.bytes)) {
        let by = last_change(run, output, &one.path);
        found.push(Mismatch {
            place: place(output, run),
            why: by.map(|note| format!("set by step {}", described(note))),
            step: by.and_then(|note| note.step.clone()),
            path: one.path,
            expected: one.before,
            got: one.after,
        });
    }
}

/// Bodies that are no messages: the first line that differs.
fn texts(expected: &Expected, output: &DryOutput, run: &DryRun, found: &mut Vec<Mismatch>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let (wanted, came) = (text(&expected.bytes), text(&output.bytes));
    let (wanted, came) = (wanted.trim_end_matches('\n'), came.trim_end_matches('\n'));
    if wanted == came {
        return;
    }
    let (mut wanted_lines, mut came_lines) = (wanted.lines(), came.lines());
    for number in 1.. {
        let (wanted, came) = (wanted_lines.next(), came_lines.next());
        if wanted != came || wanted.is_none() {
            found.push(Mismatch {
                place: place(output, run),
                path: format!("line {number}"),
                expected: wanted.map(str::to_owned),
                got: came.map(str::to_owned),
                why: None,
                step: None,
            });
            return;
        }
    }
}

/// The last step that changed a place on the way to a destination.
fn last_change<'n>(run: &'n DryRun, output: &DryOutput, path: &str) -> Option<&'n Note> {
    let on_the_way = |note: &&Note| match &note.part {
        crate::failure::Part::Transform => true,
        crate::failure::Part::Destination(name) => *name == output.destination,
    };
    let notes = run.notes.iter().filter(on_the_way);
    let mut of_part = notes.filter(|note| note.number.is_none_or(|number| number == output.part));
    of_part.rfind(|note| note.changes.iter().any(|change| covers(&change.path, path)))
}

/// Whether a change at one path may be what is seen at another: the same, or a part of it.
fn covers(changed: &str, seen: &str) -> bool {
    let plain = |path: &str| path.replace("[1]", "");
    let (changed, seen) = (plain(changed), plain(seen));
    seen == changed
        || seen.strip_prefix(&changed).is_some_and(|rest| rest.starts_with(['.', '-', '[']))
        || changed.strip_prefix(&seen).is_some_and(|rest| rest.starts_with(['.', '-', '[']))
}

fn described(note: &Note) -> String {
    match &note.step {
        Some(step) => {
            format!("{} of {}, line {}: `{}`", step.number, step.part, step.line, note.verb)
        }
        None => format!("`{}` of {}", note.verb, note.part),
    }
}

fn missing(
    channel: &Channel,
    file: &str,
    destination: &str,
    part: Option<u32>,
    run: &DryRun,
) -> Mismatch {
    let known = channel.program().destinations().iter().any(|name| name.as_str() == destination);
    let failed = run.outputs.iter().find(|output| {
        output.destination.as_str() == destination && part.is_none_or(|part| part == output.part)
    });
    let why = match failed.and_then(|output| output.failure.as_ref()) {
        _ if !known => Some(format!("there is no destination `{destination}`")),
        Some(failure) => Some(format!("it failed: {}", failure.text.expose_phi())),
        None => match &run.fate {
            Fate::Routed => when(run, destination, part),
            Fate::Filtered(step) => Some(format!("the message was filtered by {step}")),
            Fate::Failed(failure) => {
                Some(format!("the message failed: {}", failure.text.expose_phi()))
            }
            Fate::Rejected(reason) => Some(format!("the message was rejected: {reason}")),
            Fate::Unrouted => when(run, destination, part),
            Fate::Acknowledgement | Fate::OutOfTime => None,
        },
    };
    Mismatch {
        place: destination.to_owned(),
        path: file.to_owned(),
        expected: Some("a body".to_owned()),
        got: None,
        why,
        step: None,
    }
}

fn unexpected(output: &DryOutput, run: &DryRun) -> Mismatch {
    Mismatch {
        place: place(output, run),
        path: "body".to_owned(),
        expected: None,
        got: Some(String::from_utf8_lossy(&output.bytes).replace('\r', "\n")),
        why: when(run, output.destination.as_str(), Some(output.part)),
        step: None,
    }
}

/// What the condition of a destination looked at.
fn when(run: &DryRun, destination: &str, part: Option<u32>) -> Option<String> {
    let note = run.notes.iter().find(|note| {
        note.verb == "when"
            && matches!(&note.part, crate::failure::Part::Destination(name) if name.as_str() == destination)
            && part.is_none_or(|part| note.number.is_none_or(|number| number == part))
    })?;
    let held = note.did == crate::trace::Did::Ran;
    let seen: Vec<String> = note
        .operands
        .iter()
        .map(|operand| match operand.value.expose_phi() {
            Some(value) => format!("{} is \"{value}\"", operand.path),
            None => format!("there is no {}", operand.path),
        })
        .collect();
    let held = if held { "held" } else { "did not hold" };
    Some(format!("its `when` {held}: {}", seen.join(", ")))
}

fn dead(run: &DryRun) -> Vec<String> {
    let mut dead: Vec<String> = run
        .outputs
        .iter()
        .filter(|output| output.failure.is_some())
        .map(|output| output.destination.to_string())
        .collect();
    dead.dedup();
    dead
}

fn outcome(case: &TestCase, run: &DryRun, found: &mut Vec<Mismatch>) {
    let reason = match &run.fate {
        Fate::Failed(failure) => Some(failure.text.expose_phi().clone()),
        Fate::Rejected(reason) => Some((*reason).to_owned()),
        Fate::Filtered(step) => Some(format!("filtered by {step}")),
        Fate::Routed | Fate::Unrouted | Fate::Acknowledgement | Fate::OutOfTime => None,
    };
    let mut expect = |path: &str, expected: Option<String>, got: String, why: &Option<String>| {
        if expected.as_ref().is_some_and(|expected| *expected != got) {
            found.push(Mismatch {
                place: "outcome".to_owned(),
                path: path.to_owned(),
                expected,
                got: Some(got),
                why: why.clone(),
                step: run.fate.step().cloned(),
            });
        }
    };
    let Some(outcome) = &case.outcome else {
        // Without an outcome a failure that nobody expects is not passed over because nothing is sent.
        if matches!(run.fate, Fate::Failed(_) | Fate::Rejected(_) | Fate::OutOfTime)
            || run.outputs.iter().any(|output| output.failure.is_some())
        {
            let got = if dead(run).is_empty() { run.fate.as_str() } else { "dead letters" };
            let first = run.outputs.iter().find_map(|output| output.failure.as_ref());
            let why = first.map(|failure| failure.text.expose_phi().clone()).or(reason);
            expect("disposition", Some("routed or filtered".to_owned()), got.to_owned(), &why);
        }
        return;
    };
    let disposition = outcome.disposition.map(str::to_owned);
    expect("disposition", disposition, run.fate.as_str().to_owned(), &reason);
    let step = run.fate.step().map_or_else(|| "none".to_owned(), |step| step.number.to_string());
    expect("step", outcome.step.map(|step| step.to_string()), step, &reason);
    expect("ack", outcome.ack.clone(), run.ack.unwrap_or("none").to_owned(), &reason);
    let dead = dead(run);
    if outcome.dead.is_some() || !dead.is_empty() {
        let wanted = outcome.dead.clone().unwrap_or_default();
        let first = run.outputs.iter().find_map(|output| output.failure.as_ref());
        let why = first.map(|failure| failure.text.expose_phi().clone());
        expect("dead", Some(format!("{wanted:?}")), format!("{dead:?}"), &why);
    }
}
