//! `hilum run`: a message through a channel of the site's files, step by step; nothing is stored and nothing is sent.

use std::path::Path;

use channel::{Did, DryRun, Fate, Note};
use engine::site::Site;
use serde_json::{Value, json};

use crate::answer::safe;
use crate::args::Format;
use crate::args::bench::Run;
use crate::exit::{Code, Failure, Outcome};
use crate::load::{bytes_of, messages};
use crate::say;
use crate::verbs::check::colour;

/// Runs the verb.
pub fn run(args: &Run) -> Outcome {
    let site = site_of(&args.site)?;
    let plan = site.channels.values().find(|plan| plan.file.name.as_str() == args.channel);
    let plan = plan.ok_or_else(|| {
        let broken = site.broken.iter().any(|name| name.as_str() == args.channel);
        match broken {
            true => Failure::new(Code::Problems, format!("channel `{}` has errors", args.channel))
                .hint("`hilum check` shows them"),
            false => {
                Failure::new(Code::Problems, format!("there is no channel `{}`", args.channel))
            }
        }
    })?;
    let bytes = bytes_of(&args.file)?;
    let found = messages(&bytes);
    // What is no message is run all the same: what would be answered is worth knowing.
    let all: Vec<&[u8]> = if found.is_empty() { vec![&bytes] } else { found };
    let runs: Vec<DryRun> = all.iter().map(|message| plan.dry_run(message)).collect();
    let absent = plan.destinations.iter().filter(|d| !d.is_for(site.server.profile));
    let elsewhere: Vec<&str> = absent.map(|destination| destination.name.as_str()).collect();
    match args.format {
        Format::Json => {
            let all: Vec<Value> = runs.iter().map(as_json).collect();
            say::data(&format!("{:#}\n", json!({ "messages": all })));
        }
        Format::Text => {
            for (number, run) in (1..).zip(&runs) {
                if runs.len() > 1 {
                    say::data(&format!("message {number} of {}\n", runs.len()));
                }
                say::data(&shown(run, &elsewhere));
            }
        }
    }
    let odd = runs.iter().any(|run| {
        matches!(run.fate, Fate::Failed(_) | Fate::Rejected(_) | Fate::OutOfTime)
            || run.outputs.iter().any(|output| output.failure.is_some())
    });
    if odd { Err(Failure::silent(Code::Problems)) } else { Ok(()) }
}

/// The site of a folder; what is wrong with it is shown.
pub fn site_of(folder: &Path) -> Result<Site, Failure> {
    let (site, diagnostics) = engine::site::check(folder, None);
    if diagnostics.has_errors() {
        say::talk(diagnostics.render(colour()).trim_end());
    }
    site.ok_or_else(|| Failure::silent(Code::Problems))
}

fn shown(run: &DryRun, elsewhere: &[&str]) -> String {
    let mut text = String::new();
    for note in &run.notes {
        step(note, &mut text);
    }
    for output in &run.outputs {
        let lanes: Vec<String> =
            output.order_keys.iter().map(|key| safe(&String::from_utf8_lossy(key))).collect();
        let lane = if lanes.is_empty() {
            String::new()
        } else {
            format!(", lane {}", lanes.join(" and "))
        };
        let part = if run.outputs.iter().any(|other| other.part > 1) {
            format!(", part {}", output.part)
        } else {
            String::new()
        };
        let kept = match elsewhere.contains(&output.destination.as_str()) {
            true => " (kept to another profile)",
            false => "",
        };
        text.push_str(&format!("\nto {}{kept}{part}{lane}\n", output.destination));
        match &output.failure {
            Some(failure) => {
                text.push_str(&format!("  a dead letter: {}\n", safe(failure.text.expose_phi())));
            }
            None => {
                for line in String::from_utf8_lossy(&output.bytes).split(['\r', '\n']) {
                    if !line.is_empty() {
                        text.push_str(&format!("  {}\n", safe(line)));
                    }
                }
            }
        }
    }
    let why = match &run.fate {
        Fate::Filtered(step) => format!(" by {step}"),
        Fate::Failed(failure) => {
            let at = failure.step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
            format!("{at}: {} {}", failure.code, safe(failure.text.expose_phi()))
        }
        Fate::Rejected(reason) => format!(": {reason}"),
        Fate::Routed | Fate::Unrouted | Fate::Acknowledgement | Fate::OutOfTime => String::new(),
    };
    text.push_str(&format!(
        "\n{}{why}; the sender gets {}\n",
        run.fate.as_str(),
        run.ack.unwrap_or("no answer at once")
    ));
    text
}

/// What one step did, and why a filter or condition decided as it did.
fn step(note: &Note, text: &mut String) {
    let indent = "  ".repeat(usize::from(note.depth));
    let part = note.number.map(|number| format!("part {number}, ")).unwrap_or_default();
    let place = match &note.step {
        Some(step) => format!("{part}{} {} (line {})", note.part, step.number, step.line),
        None => format!("{part}{}", note.part),
    };
    let did = match note.did {
        Did::NotAsked => "its `when` did not hold",
        Did::Ran if note.verb == "when" || note.verb == "keep" => "held",
        Did::Ran if note.changes.is_empty() => "changed nothing",
        Did::Ran => "ran",
        Did::Stopped if note.verb == "when" => "did not hold",
        Did::Stopped => "stopped the message",
        Did::Failed => "failed",
        Did::OutOfTime => "ran out of time",
    };
    text.push_str(&format!("{indent}{place}: {} {did}\n", note.verb));
    let value = |value: &Option<String>| match value {
        Some(value) => format!("\"{}\"", safe(value)),
        None => "(not there)".to_owned(),
    };
    for operand in &note.operands {
        text.push_str(&format!(
            "{indent}    {} is {}\n",
            operand.path,
            value(operand.value.expose_phi())
        ));
    }
    for change in &note.changes {
        let (before, after) = (value(change.before.expose_phi()), value(change.after.expose_phi()));
        text.push_str(&format!("{indent}    {}: {before} -> {after}\n", change.path));
    }
    for said in &note.said {
        text.push_str(&format!("{indent}    says: {}\n", safe(said.expose_phi())));
    }
}

fn as_json(run: &DryRun) -> Value {
    let notes: Vec<Value> = run.notes.iter().map(console_api::step_note).collect();
    let outputs: Vec<Value> = run
        .outputs
        .iter()
        .map(|output| {
            json!({
                "destination": output.destination.as_str(),
                "part": output.part,
                "body": String::from_utf8_lossy(&output.bytes),
                "failure": output.failure.as_ref().map(|failure| failure.text.expose_phi()),
            })
        })
        .collect();
    json!({
        "disposition": run.fate.as_str(),
        "step": run.fate.step().map(|step| step.number),
        "ack": run.ack,
        "outputs": outputs,
        "steps": notes,
    })
}
