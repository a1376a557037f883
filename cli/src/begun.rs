//! Waits for what an engine was asked to begin.

use std::time::Duration;

use serde_json::Value;

use crate::answer::{maybe, safe, text};
use crate::api::Api;
use crate::exit::{Code, Failure};

/// How often the engine is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// So often it may know nothing of it: it begins a moment after it was asked for.
const UNKNOWN_MAX: u32 = 25;

/// Where the answer to a question says what came of something, and what is under way.
pub struct Known<'a> {
    /// Who is asked.
    pub path: &'a str,
    /// The last one that has ended, with `begun_us` and perhaps an `error`.
    pub last: &'a str,
    /// What is under way: the time when it was begun, or an object with that as `begun_us`.
    pub running: &'a str,
}

/// What came of it. `told` hears each answer until then.
pub async fn ended(
    api: &Api,
    known: &Known<'_>,
    begun_us: i64,
    mut told: impl FnMut(&Value),
) -> Result<Value, Failure> {
    let mut unknown = 0;
    while unknown < UNKNOWN_MAX {
        let answer = api.get(known.path).await?;
        let last = answer.pointer(known.last);
        if let Some(last) = last.filter(|last| maybe(last, "begun_us") == Some(begun_us)) {
            return match text(last, "error") {
                "" => Ok(last.clone()),
                error => Err(Failure::new(Code::Problems, safe(error))),
            };
        }
        let running = answer.pointer(known.running);
        let running_us = running.and_then(|one| one.as_i64().or_else(|| maybe(one, "begun_us")));
        unknown = if running_us == Some(begun_us) { 0 } else { unknown + 1 };
        told(&answer);
        tokio::time::sleep(LOOK).await;
    }
    Err(Failure::new(
        Code::Undecided,
        "the engine knows nothing of it any more: it was started anew meanwhile",
    ))
}
