//! The last messages of a channel through what runs and through what its file says now: what would change. No value leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::channel::DryRun;
use config::Name;
use hl7::{Message, ParseOptions, differences};
use store::Scope;

use crate::apply::ApplyError;
use crate::engine::Engine;
use crate::site::{self, ChannelPlan, Surroundings};

/// Messages of one look at the store, and at most in all.
const PAGE: i64 = 100;
const MESSAGES_MAX: usize = 10_000;

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Messages that were run through both.
    pub looked: usize,
    /// Messages whose bodies have left or do not open.
    pub unreadable: usize,
    /// Messages of which something would be otherwise.
    pub differ: usize,
    /// What would become of messages: what does now, what would, and of how many.
    pub fates: Vec<(String, String, u64)>,
    /// Where what is sent would differ: destination, field, and in how many messages.
    pub fields: Vec<(String, String, u64)>,
}

#[derive(Default)]
struct Count {
    differ: usize,
    fates: BTreeMap<(String, String), u64>,
    fields: BTreeMap<(String, String), u64>,
}

impl Engine {
    /// Runs the last messages of a channel through both.
    pub async fn compare(
        &self,
        scope: &Scope,
        channel: &Name,
        count: usize,
    ) -> Result<Comparison, ApplyError> {
        let site = self.read_site(scope, std::slice::from_ref(channel))?;
        let absent = || ApplyError::NoChannel(channel.to_string());
        let new = site.channels.get(channel).cloned().ok_or_else(absent)?;
        let running = self.channel(channel).ok_or_else(absent)?;
        let surroundings = Surroundings::read(&self.inner.paths, &self.inner.server);
        let (old, problems) = site::compile(running.file(), &surroundings);
        let old = old.ok_or_else(|| ApplyError::Broken(problems.render(false)))?;
        let plans = Arc::new((old, new));
        let mut comparison = Comparison::default();
        let (mut counted, mut before) = (Count::default(), i64::MAX);
        let wanted = count.min(MESSAGES_MAX);
        while comparison.looked + comparison.unreadable < wanted {
            let left = wanted - comparison.looked - comparison.unreadable;
            let page = PAGE.min(i64::try_from(left).unwrap_or(PAGE));
            let rows = self.store().bodies_before(scope, channel, (before, page)).await?;
            let Some(last) = rows.last() else { break };
            before = last.summary.seq;
            let bodies: Vec<_> = rows
                .into_iter()
                .filter_map(|row| {
                    if row.body.is_none() {
                        comparison.unreadable += 1;
                    }
                    row.body
                })
                .collect();
            comparison.looked += bodies.len();
            let plans = Arc::clone(&plans);
            let work = move || {
                for body in bodies {
                    one(&plans, &body.into_phi(), &mut counted);
                }
                counted
            };
            // A step that breaks off ends the comparison and nothing else.
            let done = tokio::task::spawn_blocking(work).await;
            counted = done.map_err(|_| ApplyError::Broken("a step broke off".to_owned()))?;
        }
        comparison.differ = counted.differ;
        let flat = |map: BTreeMap<(String, String), u64>| {
            map.into_iter().map(|((a, b), n)| (a, b, n)).collect::<Vec<_>>()
        };
        comparison.fates = flat(counted.fates);
        comparison.fields = flat(counted.fields);
        comparison
            .fields
            .sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (&a.0, &a.1).cmp(&(&b.0, &b.1))));
        Ok(comparison)
    }
}

fn one(plans: &(ChannelPlan, ChannelPlan), received: &[u8], counted: &mut Count) {
    let (old, new) = (plans.0.dry_run(received), plans.1.dry_run(received));
    let mut places: Vec<(String, String)> = Vec::new();
    let (was, is) = (fate(&old), fate(&new));
    let same = was == is;
    if !same {
        *counted.fates.entry((was, is)).or_default() += 1;
    }
    let both = |run: &DryRun, other: &DryRun, word: &str, places: &mut Vec<(String, String)>| {
        for output in &run.outputs {
            let there = other
                .outputs
                .iter()
                .any(|one| (one.part, &one.destination) == (output.part, &output.destination));
            if !there {
                places.push((output.destination.to_string(), word.to_owned()));
            }
        }
    };
    both(&new, &old, "sent now", &mut places);
    both(&old, &new, "not sent any more", &mut places);
    for output in &new.outputs {
        let known = old
            .outputs
            .iter()
            .find(|one| (one.part, &one.destination) == (output.part, &output.destination));
        let Some(known) = known else { continue };
        let name = output.destination.to_string();
        match (known.failure.is_some(), output.failure.is_some()) {
            (false, true) => places.push((name, "a dead letter now".to_owned())),
            (true, false) => places.push((name, "no dead letter any more".to_owned())),
            _ if known.bytes == output.bytes => {}
            _ => of_bodies(&name, &known.bytes, &output.bytes, &mut places),
        }
    }
    places.sort();
    places.dedup();
    if !same || !places.is_empty() {
        counted.differ += 1;
    }
    for place in places {
        *counted.fields.entry(place).or_default() += 1;
    }
}

fn fate(run: &DryRun) -> String {
    match run.fate.step() {
        Some(step) => format!("{} by step {}", run.fate.as_str(), step.number),
        None => run.fate.as_str().to_owned(),
    }
}

fn of_bodies(name: &str, before: &[u8], after: &[u8], places: &mut Vec<(String, String)>) {
    if hl7::peek(before).is_err() || hl7::peek(after).is_err() {
        places.push((name.to_owned(), "body".to_owned()));
        return;
    }
    let read = |bytes: &[u8]| Message::parse(bytes.to_vec(), &ParseOptions::default());
    let found = differences(&read(before), &read(after));
    if found.is_empty() {
        places.push((name.to_owned(), "line ends".to_owned()));
    }
    places.extend(found.into_iter().map(|one| (name.to_owned(), without_indexes(&one.path))));
}

/// `OBX[7]-5[2].1` as `OBX-5.1`: which of them it was says nothing about the change.
fn without_indexes(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|one| {
            match one {
                '[' => inside = true,
                ']' => {
                    inside = false;
                    return false;
                }
                _ => {}
            }
            !inside
        })
        .collect()
}
