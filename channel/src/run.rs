use crate::budget::Budget;
use crate::failure::{Failure, Fault};
use crate::program::{Program, Route};
use crate::scene::Scene;
use crate::script::{Broke, Kept, Returned, Script};
use crate::trace::{Did, Recorder};
use crate::verdict::{Body, Output, Verdict};
use crate::work::{List, Mark, Room, Stop, Work};
use hl7::Message;
use std::borrow::Cow;

/// The most parts that one message is split into.
pub(crate) const PARTS_MAX: usize = 1_000;
/// The most bytes that they have together, since each repeats the head of the message: 128 MiB.
pub(crate) const PARTS_BYTES_MAX: usize = 128 << 20;

/// A message, or one part of it, after `[transform]`, which destinations share until one of them changes it.
struct Transformed {
    message: Message,
    changed: bool,
    /// Which part of a split, from 1; a message that is not split is its own first part.
    part: u32,
    /// What scripts have put down for later ones.
    kept: Kept,
}

/// Runs `[transform]`, then asks every destination for every part.
pub(crate) fn run(
    program: &Program,
    message: Message,
    budget: &dyn Budget,
    recorder: &mut Option<Recorder>,
) -> Verdict {
    let parts = match transform(program, message, budget, recorder) {
        Ok(parts) => parts,
        Err(stop) => return stopped(stop, &program.transform_list),
    };
    let mut outputs = Vec::new();
    for part in &parts {
        note_part(program, part, recorder);
        for (destination, route) in program.routes.iter().enumerate() {
            if budget.over() {
                return Verdict::OverBudget;
            }
            match output(destination, route, part, budget, recorder) {
                Ok(output) => outputs.extend(output),
                Err(stop) => return stopped(stop, &route.list),
            }
        }
    }
    if outputs.is_empty() { Verdict::Unrouted } else { Verdict::Route(outputs) }
}

/// Runs `[transform]` on a message and on the parts that it is split into; what passes is at least one part.
fn transform(
    program: &Program,
    message: Message,
    budget: &dyn Budget,
    recorder: &mut Option<Recorder>,
) -> Result<Vec<Transformed>, Stop> {
    let mut parts = vec![Transformed { message, changed: false, part: 1, kept: Kept::new() }];
    let mut next = Some(0);
    while let Some(from) = next {
        (parts, next) = until_split(program, parts, from, budget, recorder)?;
    }
    Ok(parts)
}

/// Runs the steps from one on for each part, up to the next split or to the end. Gives what came of them, numbered when it was a
/// split, and where to go on.
fn until_split(
    program: &Program,
    parts: Vec<Transformed>,
    from: usize,
    budget: &dyn Budget,
    recorder: &mut Option<Recorder>,
) -> Result<(Vec<Transformed>, Option<usize>), Stop> {
    // What is there already counts as well: a split leaves room for the parts that have not come to it.
    let mut bytes: usize = parts.iter().map(Transformed::len).sum();
    let mut count = parts.len();
    let mut passed: Vec<Transformed> = Vec::with_capacity(count);
    let mut filtered: Option<Mark> = None;
    let mut next = None;
    for part in parts {
        if from > 0 {
            note_part(program, &part, recorder);
        }
        count -= 1;
        bytes -= part.len();
        let room = Room {
            parts: PARTS_MAX.saturating_sub(count),
            bytes: PARTS_BYTES_MAX.saturating_sub(bytes),
        };
        let (message, list) = (Cow::Owned(part.message), &program.transform_list);
        let work = Work::new(message, list, part.part, budget, recorder.as_mut());
        let mut work = work.keeping(part.kept);
        work.make_room(room);
        match program.transform.run_from(from, &mut work) {
            Ok(at) => next = at,
            // The filter of the part that came furthest is the one that is named.
            Err(Stop::Filtered(mark)) => {
                let further = mark.filter(|mark| filtered.is_none_or(|m| m.number <= mark.number));
                filtered = further.or(filtered);
                continue;
            }
            Err(stop) => return Err(stop),
        }
        for (message, changed, kept) in work.finish_parts() {
            count += 1;
            bytes += message.as_bytes().len();
            let numbered = next.and_then(|_| u32::try_from(passed.len() + 1).ok());
            passed.push(Transformed {
                message,
                changed: changed || part.changed,
                part: numbered.unwrap_or(part.part),
                kept,
            });
        }
    }
    if passed.is_empty() { Err(Stop::Filtered(filtered)) } else { Ok((passed, next)) }
}

/// Says whose notes follow, once the message may have been split.
fn note_part(program: &Program, part: &Transformed, recorder: &mut Option<Recorder>) {
    if let Some(recorder) = recorder.as_mut().filter(|_| program.transform.splits()) {
        recorder.number = Some(part.part);
    }
}

/// What one destination gets of one part: none when it does not want it. A failure there is its own.
fn output(
    destination: usize,
    route: &Route,
    transformed: &Transformed,
    budget: &dyn Budget,
    recorder: &mut Option<Recorder>,
) -> Result<Option<Output>, Stop> {
    let part = transformed.part;
    match deliver(route, transformed, budget, recorder) {
        Ok(None) => Ok(None),
        Ok(Some(Wanted { body, order_keys })) => {
            Ok(Some(Output { destination, part, body, order_keys, failure: None }))
        }
        Err(Stop::Failed(fault, mark)) => {
            let failure = Some(failure(fault, mark, &route.list));
            let body = transformed.body();
            Ok(Some(Output { destination, part, body, order_keys: Vec::new(), failure }))
        }
        Err(Stop::OverBudget) => Err(Stop::OverBudget),
        // Filters are refused among a destination's steps; one that got here does what its words say.
        Err(Stop::Filtered(_)) => Ok(None),
    }
}

fn stopped(stop: Stop, list: &List) -> Verdict {
    match stop {
        Stop::Filtered(mark) => {
            Verdict::Filtered { step: list.at(mark.unwrap_or(Mark { number: 0, line: 0 })) }
        }
        Stop::Failed(fault, mark) => Verdict::Failed(failure(fault, mark, list)),
        Stop::OverBudget => Verdict::OverBudget,
    }
}

fn failure(fault: Fault, mark: Option<Mark>, list: &List) -> Failure {
    fault.into_failure(list.part.clone(), mark.map(|mark| list.at(mark)))
}

impl Transformed {
    fn len(&self) -> usize {
        self.message.as_bytes().len()
    }

    fn body(&self) -> Body {
        if self.changed { Body::Made(self.message.as_bytes().to_vec()) } else { Body::AsReceived }
    }
}

/// What a destination gets that wants a message.
struct Wanted {
    body: Body,
    order_keys: Vec<Vec<u8>>,
}

/// What one destination gets: none when it does not want the message.
fn deliver(
    route: &Route,
    transformed: &Transformed,
    budget: &dyn Budget,
    recorder: &mut Option<Recorder>,
) -> Result<Option<Wanted>, Stop> {
    if !wanted(route, transformed, recorder)? {
        return Ok(None);
    }
    let order_keys = order_keys(route, transformed, recorder)?;
    if route.steps.is_empty() && route.body.is_none() {
        return Ok(Some(Wanted { body: transformed.body(), order_keys }));
    }
    let message = Cow::Borrowed(&transformed.message);
    let work = Work::new(message, &route.list, transformed.part, budget, recorder.as_mut());
    let mut work = work.keeping(transformed.kept.clone());
    route.steps.run(&mut work)?;
    let made = route.body.as_ref().map(|script| made_by(script, &mut work)).transpose()?;
    let (message, changed) = work.finish();
    if let Some(Some(text)) = made {
        return Ok(Some(Wanted { body: Body::Made(text.into_bytes()), order_keys }));
    }
    let body =
        if changed { Body::Made(message.into_owned().into_bytes()) } else { transformed.body() };
    Ok(Some(Wanted { body, order_keys }))
}

/// The body that a destination's script makes; none when that is the message.
fn made_by(script: &Script, work: &mut Work<'_>) -> Result<Option<String>, Stop> {
    work.begin_unnumbered("script");
    let called = match work.call(script) {
        Ok(Returned::Text(text)) => Ok(Some(text)),
        Ok(Returned::Message) => Ok(None),
        Ok(Returned::Nothing | Returned::False) => {
            let said = format!("the script `{}` returned no body", script.name());
            Err(Fault::new("R0133", said).into())
        }
        Err(Broke::OverBudget) => Err(Stop::OverBudget),
        Err(Broke::Failed(fault)) => Err(fault.into()),
    };
    work.end(if called.is_ok() { Did::Ran } else { Did::Failed });
    called
}

fn wanted(
    route: &Route,
    transformed: &Transformed,
    recorder: &mut Option<Recorder>,
) -> Result<bool, Stop> {
    let Some(when) = &route.when else { return Ok(true) };
    let holds = observed(route, "when", transformed, recorder, |scene| when.holds(scene));
    if let (Some(recorder), Ok(holds)) = (recorder, &holds) {
        recorder.end(if *holds { Did::Ran } else { Did::Stopped });
    }
    Ok(holds?)
}

/// The order keys of a message that did not run.
pub(crate) fn order_keys_of(route: &Route, message: Message) -> Option<Vec<Vec<u8>>> {
    order_keys(
        route,
        &Transformed { message, changed: false, part: 1, kept: Kept::new() },
        &mut None,
    )
    .ok()
}

fn order_keys(
    route: &Route,
    transformed: &Transformed,
    recorder: &mut Option<Recorder>,
) -> Result<Vec<Vec<u8>>, Stop> {
    if route.order_by.is_empty() {
        return Ok(Vec::new());
    }
    let keys = observed(route, "order_by", transformed, recorder, |scene| {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for place in &route.order_by {
            for path in place.each(scene.message, scene.cursors)? {
                scene.note(&path);
                if scene.message.is_null(&path) || scene.message.is_empty(&path) {
                    continue;
                }
                // The same patient in two charsets is one lane; what cannot be read is still told apart by its bytes.
                let key = match scene.message.text(&path) {
                    Ok(text) => text.as_bytes().to_vec(),
                    Err(_) => scene.message.raw(&path).unwrap_or_default().to_vec(),
                };
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        Ok(keys)
    });
    if let (Some(recorder), Ok(_)) = (recorder, &keys) {
        recorder.end(Did::Ran);
    }
    Ok(keys?)
}

/// Asks something of the transformed message, with a note that is left open for the caller unless it failed.
fn observed<T>(
    route: &Route,
    verb: &'static str,
    transformed: &Transformed,
    recorder: &mut Option<Recorder>,
    ask: impl FnOnce(&Scene<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    if let Some(recorder) = recorder {
        recorder.begin(route.list.part.clone(), None, verb);
    }
    let seen = recorder.as_ref().map(|recorder| &recorder.seen);
    let Transformed { message, part, .. } = transformed;
    let result = ask(&Scene { message, cursors: &[], part: *part, seen });
    if let (Some(recorder), Err(_)) = (recorder, &result) {
        recorder.end(Did::Failed);
    }
    result
}
