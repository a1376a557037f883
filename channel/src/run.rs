use crate::budget::Budget;
use crate::failure::{Failure, Fault};
use crate::program::{Program, Route};
use crate::scene::Scene;
use crate::script::{Broke, Returned, Script};
use crate::trace::{Did, Recorder};
use crate::verdict::{Body, Output, Verdict};
use crate::work::{List, Mark, Stop, Work};
use hl7::Message;
use std::borrow::Cow;

/// Until messages are split, every one of them is its own first part.
const PART: u32 = 1;

/// A message after `[transform]`, which destinations share until one of them changes it.
struct Transformed {
    message: Message,
    changed: bool,
}

/// Runs `[transform]`, then asks every destination.
pub(crate) fn run(
    program: &Program,
    message: Message,
    budget: &dyn Budget,
    recorder: &mut Option<Recorder>,
) -> Verdict {
    let mut work =
        Work::new(Cow::Owned(message), &program.transform_list, PART, budget, recorder.as_mut());
    if let Err(stop) = program.transform.run(&mut work) {
        return stopped(stop, &program.transform_list);
    }
    let (message, changed) = work.finish();
    let transformed = Transformed { message: message.into_owned(), changed };
    let mut outputs = Vec::new();
    for (destination, route) in program.routes.iter().enumerate() {
        if budget.over() {
            return Verdict::OverBudget;
        }
        match deliver(route, &transformed, budget, recorder) {
            Ok(None) => {}
            Ok(Some(Wanted { body, order_keys })) => {
                outputs.push(Output { destination, part: PART, body, order_keys, failure: None })
            }
            Err(Stop::Failed(fault, mark)) => {
                let failure = Some(failure(fault, mark, &route.list));
                let body = transformed.body();
                outputs.push(Output {
                    destination,
                    part: PART,
                    body,
                    order_keys: Vec::new(),
                    failure,
                });
            }
            Err(Stop::OverBudget) => return Verdict::OverBudget,
            // Filters are refused among a destination's steps; one that got here does what its words say.
            Err(Stop::Filtered(_)) => {}
        }
    }
    if outputs.is_empty() { Verdict::Unrouted } else { Verdict::Route(outputs) }
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
    let mut work = Work::new(message, &route.list, PART, budget, recorder.as_mut());
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
    order_keys(route, &Transformed { message, changed: false }, &mut None).ok()
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
    let result = ask(&Scene { message: &transformed.message, cursors: &[], part: PART, seen });
    if let (Some(recorder), Err(_)) = (recorder, &result) {
        recorder.end(Did::Failed);
    }
    result
}
