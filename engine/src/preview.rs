//! What a replay or a discard would do, counted before it is done. Nothing is changed, and no value leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use config::Name;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{BodyOf, Letter, Placed, Scope};

use crate::acts::ActError;
use crate::engine::Engine;
use crate::replay::{ReplayMode, ReplayOrder};
use crate::selection::{Selection, letter_id};
use crate::site::{self, ChannelPlan, Surroundings};

/// So many messages are run through the revision in force, the oldest first.
const LOOKED_MAX: usize = 500;

/// What a replay would do.
#[derive(Clone, Debug, Default)]
pub struct ReplayPreview {
    /// What would be sent, in order; each is an item of a job.
    pub letters: Vec<Letter>,
    /// The channels that they are of.
    pub channels: BTreeSet<Name>,
    /// What is named and cannot be sent again, with the reason.
    pub refused: Vec<(String, String)>,
    /// When the oldest of them arrived, and the newest, microseconds UTC.
    pub arrived_us: Option<(i64, i64)>,
    /// They arrive in the order in which the first ones came.
    pub in_order: bool,
    /// Where they go, and how many of those that were looked at.
    pub destinations: Vec<(Name, usize)>,
    /// What the revision in force would make of them.
    pub raw: Option<RawLook>,
    /// The same in words, but for the rate.
    pub sentence: String,
}

/// What the revision in force would make of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawLook {
    /// Messages that were run through it.
    pub looked: usize,
    /// Those of which other bytes would be sent than were.
    pub differ: usize,
    /// Those of which nothing would be sent.
    pub would_not_go: usize,
}

/// What a discard would end.
#[derive(Clone, Debug, Default)]
pub struct DiscardPreview {
    /// What would be ended, in order.
    pub letters: Vec<Letter>,
    /// The channels that they are of.
    pub channels: BTreeSet<Name>,
    /// What is named and stays, with the reason.
    pub refused: Vec<(String, String)>,
    /// When the oldest of them arrived, and the newest, microseconds UTC.
    pub arrived_us: Option<(i64, i64)>,
    /// The same in words.
    pub sentence: String,
}

impl Engine {
    /// What a replay would do.
    pub async fn look_before_replay(
        &self,
        scope: &Scope,
        order: &ReplayOrder,
    ) -> Result<ReplayPreview, ActError> {
        let chosen = self.chosen(scope, order).await?;
        let (placed, mut refused) = self.placed(scope, chosen).await?;
        let mut kept = Vec::new();
        for one in placed {
            match self.why_not(&one, order) {
                Some(why) => refused.push((letter_id(&one.letter), why)),
                None => kept.push(one),
            }
        }
        let to = order.wanted();
        let mut counted: BTreeMap<Name, usize> = BTreeMap::new();
        let mut raw = None;
        match order.mode {
            ReplayMode::AsSent => {
                for one in &kept {
                    let own = one.destination.iter();
                    let names: Vec<&Name> =
                        if to.is_empty() { own.collect() } else { to.iter().collect() };
                    names
                        .into_iter()
                        .for_each(|name| *counted.entry(name.clone()).or_default() += 1);
                }
            }
            ReplayMode::Raw => raw = Some(self.look_raw(scope, &kept, to, &mut counted).await?),
        }
        let channels: BTreeSet<Name> = kept.iter().map(|one| one.channel.clone()).collect();
        let mut preview = ReplayPreview {
            arrived_us: arrived(&kept),
            in_order: self.are_ordered(&channels, counted.keys()),
            letters: kept.iter().map(|one| one.letter).collect(),
            channels,
            refused,
            destinations: counted.into_iter().collect(),
            raw,
            sentence: String::new(),
        };
        preview.sentence = self.in_words(&preview, order.mode);
        Ok(preview)
    }

    /// What a discard would end.
    pub async fn look_before_discard(
        &self,
        scope: &Scope,
        selection: &Selection,
    ) -> Result<DiscardPreview, ActError> {
        let letters = self.letters(scope, selection).await?;
        let (placed, mut refused) = self.placed(scope, letters).await?;
        let mut kept = Vec::new();
        for one in placed {
            let over = match one.letter {
                Letter::Delivery(_) => one.superseded,
                Letter::Message(_) => one.superseded || !one.is_final,
            };
            match over {
                true => {
                    refused.push((letter_id(&one.letter), "it was sent again already".to_owned()))
                }
                false => kept.push(one),
            }
        }
        let arrived_us = arrived(&kept);
        let since = arrived_us.map_or_else(String::new, |(oldest, _)| {
            format!(", oldest {}", self.clock_time(oldest))
        });
        let what = counted(kept.len(), "letter", "letters");
        Ok(DiscardPreview {
            sentence: format!("{what}{since}, ended without being sent"),
            channels: kept.iter().map(|one| one.channel.clone()).collect(),
            letters: kept.iter().map(|one| one.letter).collect(),
            refused,
            arrived_us,
        })
    }

    /// Letters in receipt order, channel by channel, and those that are not there any more.
    async fn placed(
        &self,
        scope: &Scope,
        letters: Vec<Letter>,
    ) -> Result<(Vec<Placed>, Vec<(String, String)>), ActError> {
        let found = self.store().places(scope, &letters).await?;
        let gone = |letter: &Letter| (letter_id(letter), "it is not there any more".to_owned());
        let missing = letters.iter().zip(&found).filter(|(_, found)| found.is_none());
        let refused = missing.map(|(letter, _)| gone(letter)).collect();
        let mut placed: Vec<Placed> = found.into_iter().flatten().collect();
        placed
            .sort_by(|a, b| (&a.channel, a.place, a.letter).cmp(&(&b.channel, b.place, b.letter)));
        Ok((placed, refused))
    }

    /// Why a letter cannot be sent again, as far as it is known before.
    fn why_not(&self, one: &Placed, order: &ReplayOrder) -> Option<String> {
        let Some(running) = self.channel(&one.channel) else {
            return Some(format!("channel `{}` does not run", one.channel));
        };
        let gone = |name: &Name| match running.destination(name) {
            Some(_) => None,
            None => Some(format!("destination `{name}` is not there any more")),
        };
        match (order.mode, one.letter) {
            (ReplayMode::AsSent, Letter::Message(_)) => {
                Some("nothing was sent of it: replay it with `--raw`".to_owned())
            }
            _ if !one.is_final => Some("it is still under way".to_owned()),
            _ if one.superseded => {
                Some("it was sent again already; what was made of it can be".to_owned())
            }
            _ if !one.has_body => {
                Some("the bytes are over: their time in the store has ended".to_owned())
            }
            (ReplayMode::AsSent, Letter::Delivery(_)) if order.to.is_empty() => {
                one.destination.as_ref().and_then(gone)
            }
            _ => order.wanted().iter().find_map(gone),
        }
    }

    /// Runs the first of the messages through the revision in force and compares with what was sent.
    async fn look_raw(
        &self,
        scope: &Scope,
        kept: &[Placed],
        to: &[Name],
        counted: &mut BTreeMap<Name, usize>,
    ) -> Result<RawLook, ActError> {
        let surroundings = Surroundings::read(&self.inner.paths, &self.inner.server);
        let mut plans: BTreeMap<Name, Option<Arc<ChannelPlan>>> = BTreeMap::new();
        let mut look = RawLook::default();
        for one in kept.iter().take(LOOKED_MAX) {
            let plan = plans.entry(one.channel.clone()).or_insert_with(|| {
                let running = self.channel(&one.channel)?;
                site::compile(running.file(), &surroundings).0.map(Arc::new)
            });
            let Some(plan) = plan.clone() else { continue };
            let received = self.store().body(scope, BodyOf::Message(one.message)).await;
            let Ok(received) = received else { continue };
            look.looked += 1;
            let work = move || plan.dry_run(&received.into_phi());
            let run = tokio::task::spawn_blocking(work).await;
            let run = run.map_err(|_| ActError::Refused("a step broke off".to_owned()))?;
            let is_wanted = |name: &Name| to.is_empty() || to.contains(name);
            let mut new: Vec<(u32, Name, Vec<u8>)> = Vec::new();
            for output in run.outputs {
                let here = self.channel(&one.channel);
                let here = here.is_some_and(|c| c.destination(&output.destination).is_some());
                if here && output.failure.is_none() && is_wanted(&output.destination) {
                    new.push((output.part, output.destination.clone(), output.bytes.to_vec()));
                }
            }
            if new.is_empty() {
                look.would_not_go += 1;
                continue;
            }
            let names: BTreeSet<&Name> = new.iter().map(|(_, name, _)| name).collect();
            names.into_iter().for_each(|name| *counted.entry(name.clone()).or_default() += 1);
            if self.differs(scope, one, &new, is_wanted).await? {
                look.differ += 1;
            }
        }
        Ok(look)
    }

    /// Whether other bytes would be sent than were.
    async fn differs(
        &self,
        scope: &Scope,
        one: &Placed,
        new: &[(u32, Name, Vec<u8>)],
        is_wanted: impl Fn(&Name) -> bool,
    ) -> Result<bool, ActError> {
        let detail = self.store().message(scope, one.message).await?;
        let detail = detail.ok_or(ActError::Absent("message"))?;
        let sent: Vec<_> = detail.deliveries.iter().filter(|d| is_wanted(&d.destination)).collect();
        if sent.len() != new.len() {
            return Ok(true);
        }
        for (part, name, bytes) in new {
            let known = sent.iter().find(|d| d.part == *part && d.destination == *name);
            let Some(known) = known else { return Ok(true) };
            match self.store().body(scope, BodyOf::Delivery(known.id)).await {
                Ok(body) if body.expose_phi()[..] == bytes[..] => {}
                Ok(_) | Err(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    fn are_ordered<'a>(
        &self,
        channels: &BTreeSet<Name>,
        destinations: impl Iterator<Item = &'a Name>,
    ) -> bool {
        let wanted: BTreeSet<&Name> = destinations.collect();
        let running = channels.iter().filter_map(|name| self.channel(name));
        let all = running.flat_map(|running| running.destinations());
        let mut these = all.filter(|(plan, _)| wanted.contains(&plan.name));
        these.all(|(plan, _)| !plan.settings.lane.unordered)
    }

    fn in_words(&self, preview: &ReplayPreview, mode: ReplayMode) -> String {
        let count = preview.letters.len();
        let mut sentence = match mode {
            ReplayMode::AsSent => counted(count, "delivery", "deliveries"),
            ReplayMode::Raw => counted(count, "message", "messages"),
        };
        let names: Vec<String> =
            preview.destinations.iter().map(|(name, _)| format!("`{name}`")).collect();
        if !names.is_empty() {
            sentence.push_str(&format!(" to {}", names.join(", ")));
        }
        if let Some((oldest, _)) = preview.arrived_us {
            sentence.push_str(&format!(", oldest {}", self.clock_time(oldest)));
        }
        sentence.push_str(if preview.in_order { ", in order" } else { ", in no order" });
        sentence
    }

    /// A time as people of the site read it: of today by its hour, of another day with it.
    pub(crate) fn clock_time(&self, us: i64) -> String {
        let zone = TimeZone::get(&self.inner.server.zone).unwrap_or(TimeZone::UTC);
        let at =
            |us: i64| Timestamp::from_microsecond(us).unwrap_or_default().to_zoned(zone.clone());
        let (at, now) = (at(us), at(self.now_us()));
        match at.date() == now.date() {
            true => at.strftime("%H:%M").to_string(),
            false => at.strftime("%d %b %Y %H:%M").to_string(),
        }
    }
}

fn arrived(kept: &[Placed]) -> Option<(i64, i64)> {
    let oldest = kept.iter().map(|one| one.received_us).min()?;
    Some((oldest, kept.iter().map(|one| one.received_us).max()?))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
