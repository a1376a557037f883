//! What an example of steps makes of a message, as a page shows it.

use crate::markdown::Block;
use channel::{Body, Unlimited, Verdict};
use engine::site::ChannelPlan;

const HEADER: &str = "MSH|^~\\&|EHR|MAIN|LAB|MAIN|20260131120000||ADT^A01|A1|P|2.5.1";

/// Runs the steps on `before` and compares with `after`.
///
/// A block has a line `before` and a line `after`, each a segment; lines that start with blanks are further segments.
pub fn check(plan: &ChannelPlan, block: &Block) {
    let (before, after) = read(block);
    let bytes = format!("{HEADER}\r{before}\r").into_bytes();
    let run = plan.channel.program().run(plan.channel.message(bytes.clone()), &Unlimited);
    let got = match run.verdict {
        Verdict::Route(outputs) => {
            let output = outputs.into_iter().next().expect("one destination");
            let made = match output.body {
                Body::AsReceived => bytes,
                Body::Made(made) => made,
            };
            let text = String::from_utf8(made).unwrap();
            let (_, rest) =
                text.trim_end_matches('\r').split_once('\r').expect("a header and more");
            rest.to_owned()
        }
        Verdict::Filtered { .. } => "filtered".to_owned(),
        Verdict::Unrouted => "unrouted".to_owned(),
        Verdict::Failed(failure) => format!("failed {}", failure.code),
        Verdict::OverBudget => "out of time".to_owned(),
    };
    let shown = |text: &str| text.replace('\r', "\n");
    assert_eq!(shown(&got), shown(&after), "line {}", block.line);
}

fn read(block: &Block) -> (String, String) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut into_after = false;
    for line in block.text.lines() {
        let segment = if let Some(segment) = line.strip_prefix("after ") {
            into_after = true;
            segment
        } else {
            line.strip_prefix("before ").unwrap_or(line)
        };
        if into_after { &mut after } else { &mut before }.push(segment.trim_start());
    }
    assert!(!before.is_empty() && !after.is_empty(), "line {}", block.line);
    (before.join("\r"), after.join("\r"))
}
