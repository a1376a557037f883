//! A run told as text, for files of expected results.

use channel::{
    Acknowledgement, Admitted, Arrival, Channel, Decision, Did, Failure, Note, Output, Unlimited,
    Verdict, Wishes, ack_decision,
};
use std::fmt::Write;

/// Everything that can be seen of one message going through a channel.
pub fn tell(channel: &Channel, received: &[u8]) -> String {
    let mut story = String::new();
    let peek = hl7::peek(received);
    let wishes = peek.as_ref().map(|peek| Wishes::of(received, peek)).unwrap_or_default();
    let answered = |arrival: Arrival<'_>| match ack_decision(channel.ack(), wishes, &arrival) {
        Decision::Answer(Acknowledgement { code, problems }) => {
            let problems =
                problems.iter().map(|problem| format!(" {} {}", problem.code, problem.text));
            format!("ack {code}{}\n", problems.collect::<String>())
        }
        Decision::Silent => "ack none\n".to_owned(),
        Decision::Wait => "ack later\n".to_owned(),
        Decision::Close => "ack close\n".to_owned(),
    };
    match channel.admit(received, peek.as_ref()) {
        Admitted::Message => {}
        Admitted::Acknowledgement => {
            return format!("an acknowledgement\n{}", answered(Arrival::Acknowledgement));
        }
        Admitted::Rejected(rejection) => {
            return format!(
                "rejected: {}\n{}",
                rejection.reason,
                answered(Arrival::Rejected(&rejection))
            );
        }
    }
    let run = channel.program().trace(channel.message(received.to_vec()), &Unlimited);
    let without = channel.program().run(channel.message(received.to_vec()), &Unlimited);
    match &run.verdict {
        Verdict::Route(outputs) => {
            let failed = outputs.iter().find_map(|output| output.failure.as_ref());
            story +=
                &answered(failed.map_or(Arrival::Routed, |failure| Arrival::Failed(&failure.told)));
            for output in outputs {
                tell_output(&mut story, channel, output, received);
            }
        }
        Verdict::Filtered { step } => {
            story += &answered(Arrival::Filtered);
            let _ = writeln!(story, "filtered by {step}");
        }
        Verdict::Unrouted => {
            story += &answered(Arrival::Unrouted);
            story += "unrouted\n";
        }
        Verdict::Failed(failure) => {
            story += &answered(Arrival::Failed(&failure.told));
            tell_failure(&mut story, failure);
        }
        Verdict::OverBudget => story += "over budget\n",
    }
    assert!(same(&run.verdict, &without.verdict), "looking on does not change what happens");
    for note in &run.notes {
        tell_note(&mut story, note);
    }
    story
}

/// Whether two runs came to the same result.
pub fn same(a: &Verdict, b: &Verdict) -> bool {
    let failures = |a: &Option<Failure>, b: &Option<Failure>| match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => alike(a, b),
        _ => false,
    };
    match (a, b) {
        (Verdict::Route(a), Verdict::Route(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| {
                    (a.destination, a.part, &a.order_keys) == (b.destination, b.part, &b.order_keys)
                        && a.body == b.body
                        && failures(&a.failure, &b.failure)
                })
        }
        (Verdict::Filtered { step: a }, Verdict::Filtered { step: b }) => a == b,
        (Verdict::Unrouted, Verdict::Unrouted) | (Verdict::OverBudget, Verdict::OverBudget) => true,
        (Verdict::Failed(a), Verdict::Failed(b)) => alike(a, b),
        _ => false,
    }
}

fn alike(a: &Failure, b: &Failure) -> bool {
    a.signature == b.signature && a.step == b.step && a.text == b.text
}

fn tell_output(story: &mut String, channel: &Channel, output: &Output, received: &[u8]) {
    let name = &channel.program().destinations()[output.destination];
    let _ = write!(story, "to {name}");
    if output.part > 1 {
        let _ = write!(story, ", part {}", output.part);
    }
    if !output.order_keys.is_empty() {
        let keys: Vec<String> =
            output.order_keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        let _ = write!(story, " in lane {}", keys.join(" + "));
    }
    if let Some(failure) = &output.failure {
        story.push_str(": dead\n");
        tell_failure(story, failure);
    } else if output.body == channel::Body::AsReceived {
        story.push_str(": as received\n");
    } else {
        story.push('\n');
        for line in output.bytes(received).split_inclusive(|byte| *byte == b'\r') {
            let _ = writeln!(
                story,
                "    {}",
                line.escape_ascii().to_string().replace("\\\\", "\\").trim_end_matches("\\r")
            );
        }
    }
}

fn tell_failure(story: &mut String, failure: &Failure) {
    let _ = writeln!(story, "  failed: {}", failure.text.expose_phi());
    let _ = writeln!(story, "  signature: {}", failure.signature);
    if let Some(step) = &failure.step {
        let _ = writeln!(story, "  at: {step}");
    }
}

fn tell_note(story: &mut String, note: &Note) {
    let indent = "  ".repeat(usize::from(note.depth) + 1);
    let number = note.step.as_ref().map(|step| format!(" {}", step.number)).unwrap_or_default();
    let did = match note.did {
        Did::NotAsked => "left out",
        Did::Ran => "ran",
        Did::Stopped => "stopped",
        Did::Failed => "failed",
        Did::OutOfTime => "out of time",
    };
    let of = note.number.map(|number| format!(" of part {number}")).unwrap_or_default();
    let _ = writeln!(story, "{indent}{}{number} {}{of}: {did}", note.part, note.verb);
    let shown = |value: &Option<String>| {
        value.as_ref().map_or("nothing".to_owned(), |value| format!("{value:?}"))
    };
    for operand in &note.operands {
        let _ =
            writeln!(story, "{indent}  {} is {}", operand.path, shown(operand.value.expose_phi()));
    }
    for change in &note.changes {
        let (before, after) = (shown(change.before.expose_phi()), shown(change.after.expose_phi()));
        let _ = writeln!(story, "{indent}  {}: {before} -> {after}", change.path);
    }
    for said in &note.said {
        let _ = writeln!(story, "{indent}  says {:?}", said.expose_phi());
    }
}
