//! Retention of messages: what is over leaves by itself, unless so much of it would leave at once that a person has to say so.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{Name, Stay};
use store::{
    Act, ActOutcome, Actor, ActorKind, Due, LegalHold, Periods, Purged, Retained, Standstill,
    StoreError, StoreSize, Target,
};

use crate::engine::Engine;

/// More than this share of the bodies is never over at once, but when a clock is wrong or nothing was looked after: a person decides.
const SHARE_PERCENT_MAX: i64 = 25;
/// How often there may be something to do.
const ROUND: Duration = Duration::from_secs(20);
/// The first look, and then one every six hours, microseconds.
const FIRST_US: i64 = 15 * 60 * 1_000_000;
const EVERY_US: i64 = 6 * 3_600 * 1_000_000;

/// What is known of retention without looking again.
#[derive(Default)]
pub struct Retaining {
    /// Held while something leaves.
    one: tokio::sync::Mutex<()>,
    known: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    running: Option<RetentionProgress>,
    last: Option<(i64, Result<Cleared, String>)>,
    waits: Option<String>,
}

/// How far a purge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionProgress {
    /// When it began, microseconds UTC: its name.
    pub begun_us: i64,
    /// The channel that it is at, and how many there are.
    pub channel: Option<Name>,
    /// Channels that it has been through.
    pub done: usize,
    /// Channels in all.
    pub all: usize,
}

/// What a purge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// By channel, those of which something left or nothing may.
    pub channels: Vec<(Name, Purged)>,
    /// The room that the store took before and after, bytes.
    pub size: (StoreSize, StoreSize),
}

/// How the retention of a channel stands.
#[derive(Clone, Debug)]
pub struct ChannelRetention {
    /// What has left so far.
    pub retained: Retained,
    /// The periods that server.toml asks for.
    pub asked: Periods,
    /// They are shorter than those in force: somebody has to say so.
    pub is_shorter: bool,
    /// What is over by those in force.
    pub due: Option<Due>,
}

/// How retention stands.
#[derive(Clone, Debug)]
pub struct RetentionStanding {
    /// By channel.
    pub channels: Vec<ChannelRetention>,
    /// Legal holds, those that were lifted too.
    pub holds: Vec<LegalHold>,
    /// The room that the store takes.
    pub size: StoreSize,
    /// The purge that is under way.
    pub running: Option<RetentionProgress>,
    /// When the last one began, and what came of it.
    pub last: Option<(i64, Result<Cleared, String>)>,
    /// So much is over at once that a person has to say so.
    pub needs_a_person: bool,
}

/// Why nothing left.
#[derive(Debug, thiserror::Error)]
pub enum PurgeRefused {
    /// A clock may be wrong.
    #[error(
        "{due} of {all} bodies are over at once: if the clock is right, `hilum retention run --execute` takes them out"
    )]
    TooMany {
        /// Bodies that are over.
        due: i64,
        /// Bodies in the store.
        all: i64,
    },
    /// The store cannot say or do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Retaining {
    fn known(&self) -> MutexGuard<'_, Running> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why something that is over is still there.
    pub(crate) fn waits(&self) -> Option<String> {
        self.known().waits.clone()
    }
}

impl Engine {
    /// How retention stands, counted now. Nothing is changed.
    pub async fn retention(&self) -> Result<RetentionStanding, StoreError> {
        let mut channels = Vec::new();
        for retained in self.store().retained().await? {
            channels.push(self.channel_retention(retained).await?);
        }
        let (due, all) = totals(&channels);
        let size = self.store().size().await?;
        let holds = self.store().legal_holds().await?;
        let known = self.inner.retaining.known();
        Ok(RetentionStanding {
            needs_a_person: is_too_much(due, all),
            channels,
            holds,
            size,
            running: known.running.clone(),
            last: known.last.clone(),
        })
    }

    async fn channel_retention(&self, retained: Retained) -> Result<ChannelRetention, StoreError> {
        let asked = periods(self.inner.server.retention.of(&retained.channel));
        let in_force = retained.periods.unwrap_or(asked);
        let due = self.store().due(&retained.channel, in_force, self.now_us()).await?;
        Ok(ChannelRetention {
            is_shorter: asked.is_shorter_than(&in_force),
            asked,
            due: Some(due),
            retained,
        })
    }

    /// Puts the periods that server.toml asks for into force; shorter ones only when a person says so.
    pub async fn adopt_periods(
        &self,
        act: &Act,
        a_person_says_so: bool,
    ) -> Result<Vec<Name>, StoreError> {
        let mut adopted = Vec::new();
        for retained in self.store().retained().await? {
            let asked = periods(self.inner.server.retention.of(&retained.channel));
            let goes = match retained.periods {
                None => true,
                Some(in_force) if in_force == asked => false,
                Some(in_force) => a_person_says_so || !asked.is_shorter_than(&in_force),
            };
            if goes {
                self.store().set_periods(act, &retained.channel, asked).await?;
                adopted.push(retained.channel);
            }
        }
        Ok(adopted)
    }

    /// Takes out what is over, channel by channel, and gives the room back. One purge is made at a time.
    pub async fn purge(&self, act: &Act, a_person_says_so: bool) -> Result<Cleared, PurgeRefused> {
        let _one = self.inner.retaining.one.lock().await;
        let begun_us = act.now_us;
        let progress = RetentionProgress { begun_us, channel: None, done: 0, all: 0 };
        self.inner.retaining.known().running = Some(progress);
        let cleared = self.purge_all(act, a_person_says_so).await;
        let mut known = self.inner.retaining.known();
        known.running = None;
        known.last =
            Some((begun_us, cleared.as_ref().map(Clone::clone).map_err(ToString::to_string)));
        known.waits = cleared.as_ref().err().map(ToString::to_string);
        drop(known);
        cleared
    }

    async fn purge_all(&self, act: &Act, a_person_says_so: bool) -> Result<Cleared, PurgeRefused> {
        let longer = Act { action: "retention.set", approval: None, ..act.clone() };
        self.adopt_periods(&longer, false).await?;
        let mut channels = Vec::new();
        for retained in self.store().retained().await? {
            channels.push(self.channel_retention(retained).await?);
        }
        let (due, all) = totals(&channels);
        if is_too_much(due, all) && !a_person_says_so {
            return Err(PurgeRefused::TooMany { due, all });
        }
        let before = self.store().size().await?;
        let mut purged = Vec::new();
        for (done, one) in channels.iter().enumerate() {
            let name = one.retained.channel.clone();
            if let Some(running) = &mut self.inner.retaining.known().running {
                (running.channel, running.done) = (Some(name.clone()), done);
                running.all = channels.len();
            }
            let gone = self.store().purge(act, &name).await?;
            if gone != Purged::default() {
                purged.push((name, gone));
            }
        }
        let something = purged.iter().any(|(_, gone)| gone.bodies + gone.messages > 0);
        if something || before.free > 0 {
            self.store().give_back(&self.inner.server.store_url).await?;
        }
        let after = self.store().size().await?;
        Ok(Cleared { channels: purged, size: (before, after) })
    }
}

/// Takes out what is over until it is dropped.
pub async fn keep_retention(engine: Engine) {
    let mut due_us = engine.now_us() + FIRST_US;
    loop {
        tokio::time::sleep(ROUND).await;
        let now_us = engine.now_us();
        if now_us < due_us {
            continue;
        }
        due_us = now_us + EVERY_US;
        let actor = Actor::new(ActorKind::System, "engine");
        let action = "retention.purge";
        let act = Act { actor, action, purpose: None, approval: None, request: None, now_us };
        match engine.purge(&act, false).await {
            Ok(cleared) => {
                for (channel, gone) in &cleared.channels {
                    let held = gone.standstill == Some(Standstill::LegalHold);
                    tracing::info!(code = "retention.purged", %channel, bodies = gone.bodies, messages = gone.messages, keys = gone.keys, held, "what was over has left the store");
                }
            }
            Err(error) => {
                tracing::error!(code = "retention.waits", %error, "what is over stays in the store");
                let target = Target { kind: "messages", id: None, channel: None };
                let recorded = engine.store().record(&act, target, ActOutcome::Failure, None).await;
                if let Err(error) = recorded {
                    tracing::error!(code = "retention.waits", %error, "that could not be recorded");
                }
            }
        }
    }
}

fn periods(stay: Stay) -> Periods {
    let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Periods {
        bodies_us: us(stay.bodies),
        dead_us: us(stay.dead_letters),
        messages_us: us(stay.messages),
        bodies_max: stay.bodies_max.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
    }
}

/// Bodies that are over, and bodies there are.
fn totals(channels: &[ChannelRetention]) -> (i64, i64) {
    channels
        .iter()
        .filter_map(|one| one.due.as_ref())
        .fold((0, 0), |(due, all), one| (due + one.bodies, all + one.with_bodies))
}

fn is_too_much(due: i64, all: i64) -> bool {
    due.saturating_mul(100) > all.saturating_mul(SHARE_PERCENT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_all_is_too_much_at_once() {
        for (due, all, too_much) in
            [(0, 0, false), (0, 10, false), (25, 100, false), (26, 100, true), (1, 1, true)]
        {
            assert_eq!(is_too_much(due, all), too_much, "{due} of {all}");
        }
    }
}
