//! What waits at a destination: looked at, taken out of the way, ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use config::Name;
use store::{Act, DeliveryId, Letter, MessageId, Scope};

use crate::acts::ActError;
use crate::engine::Engine;
use crate::lanes::Stands;
use crate::outbound::{Live, Outbound, QueueHead};
use crate::watch::Watched;

/// Heads that are shown.
const HEADS_MAX: usize = 100;
/// So many are ended at once; more only as a job, while the destination is on hold.
const AT_ONCE_MAX: i64 = 1_000;

/// What waits at a destination.
#[derive(Clone, Debug)]
pub struct QueueView {
    /// The heads of lanes, those that are blocked first.
    pub heads: Vec<Head>,
    /// Lanes with something in them, in memory.
    pub lanes: usize,
    /// Those whose head waits for a time or for a person.
    pub blocked: usize,
    /// Deliveries that wait, in the store.
    pub waiting: i64,
    /// The number of the last message among them.
    pub mark: i64,
    /// A person holds the destination.
    pub held: bool,
    /// What it does at this moment.
    pub live: Live,
}

/// A delivery that no other one is in front of.
#[derive(Clone, Debug)]
pub struct Head {
    /// Which one.
    pub delivery: DeliveryId,
    /// Its message.
    pub message: MessageId,
    /// The first digits of its lane's token.
    pub lane: String,
    /// Deliveries of its lane that are in memory, itself among them.
    pub lane_length: usize,
    /// `ready`, `sending`, `waiting` or `held`.
    pub state: &'static str,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried again, microseconds UTC.
    pub next_us: Option<i64>,
    /// Why it stands there.
    pub code: Option<String>,
    /// Since when.
    pub since_us: Option<i64>,
}

/// What came of ending what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// So many were ended; these are being sent and stay.
    Done(usize, Vec<DeliveryId>),
    /// They are too many for a moment: a job ends them.
    AsJob(Vec<DeliveryId>),
}

impl Engine {
    fn outbound(
        &self,
        scope: &Scope,
        channel: &Name,
        destination: &Name,
    ) -> Result<Arc<Outbound>, ActError> {
        let running = self.channel(channel).filter(|_| scope.holds(channel.as_str()));
        let running = running.ok_or(ActError::Absent("channel"))?;
        running.destination(destination).ok_or(ActError::Absent("destination"))
    }

    /// What waits at a destination.
    pub async fn queue(
        &self,
        scope: &Scope,
        channel: &Name,
        destination: &Name,
    ) -> Result<QueueView, ActError> {
        let outbound = self.outbound(scope, channel, destination)?;
        let (found, lanes, blocked) = outbound.heads(HEADS_MAX);
        let mut heads = Vec::with_capacity(found.len());
        for head in found {
            heads.push(self.head(head).await?);
        }
        let (waiting, mark) = self.store().waiting(scope, (channel, destination), None).await?;
        let live = outbound.live();
        let held = outbound.is_held();
        Ok(QueueView { heads, lanes, blocked, waiting, mark, held, live })
    }

    async fn head(&self, head: QueueHead) -> Result<Head, ActError> {
        let stored = self.store().standing(head.delivery).await?;
        let (state, next_us) = match head.stands {
            Stands::Ready => ("ready", None),
            Stands::Sending => ("sending", None),
            Stands::Waiting(at) => ("waiting", Some(at)),
            Stands::Held => ("held", None),
        };
        Ok(Head {
            delivery: head.delivery,
            message: head.message,
            lane: head.lane,
            lane_length: head.length,
            state,
            tries: head.tries,
            next_us,
            code: stored.as_ref().and_then(|stored| stored.code.clone()),
            since_us: stored.map(|stored| stored.since_us),
        })
    }

    /// Makes the head of a blocked lane a dead letter; the lane goes on behind it. `looked_at` must still be such a head.
    pub async fn skip(
        &self,
        scope: &Scope,
        act: &Act,
        (channel, destination): (&Name, &Name),
        looked_at: Option<DeliveryId>,
    ) -> Result<DeliveryId, ActError> {
        let outbound = self.outbound(scope, channel, destination)?;
        let refused = |why: &str| Err(ActError::Refused(why.to_owned()));
        let (heads, ..) = outbound.heads(usize::MAX);
        // What cannot be reached, or is on hold, blocks every lane.
        let all = outbound.is_held() || outbound.live().down_since_us.is_some();
        let found = match looked_at {
            Some(id) => match heads.iter().find(|head| head.delivery == id) {
                Some(head) => head,
                None => return refused("it is not at the head of its lane any more: look again"),
            },
            None => match heads.iter().find(|head| head.is_blocked() || all) {
                Some(head) => head,
                None => return refused("no lane is blocked"),
            },
        };
        let (id, is_sending) = (found.delivery, found.stands == Stands::Sending);
        if !is_sending && !found.is_blocked() && !all {
            return refused("it does not wait: nothing is in its way");
        }
        let mut taken = outbound.withdraw(&[id]);
        let Some(parcel) = taken.parcels.pop() else {
            return refused("it is being sent at this moment: ask again in a moment");
        };
        if let Err(error) = self.store().skip(scope, act, id).await {
            outbound.restore(parcel);
            return Err(error.into());
        }
        outbound.ended(id, Watched::Dead);
        Ok(id)
    }

    /// Ends everything that waits at a destination, up to a number of the channel's messages; it must be as many as were looked at.
    pub async fn empty_queue(
        &self,
        scope: &Scope,
        act: &Act,
        (channel, destination): (&Name, &Name),
        (count, mark): (i64, Option<i64>),
    ) -> Result<Emptied, ActError> {
        let outbound = self.outbound(scope, channel, destination)?;
        outbound.set_still(true);
        let _again = Again(&outbound);
        let at = (channel, destination);
        let (waiting, last) = self.store().waiting(scope, at, mark).await?;
        if waiting != count {
            return Err(ActError::Refused(format!(
                "{waiting} wait there by now, not {count}: look again, or hold the destination first"
            )));
        }
        let ids = self.store().waiting_ids(scope, at, last).await?;
        if waiting > AT_ONCE_MAX {
            return match outbound.is_held() {
                true => Ok(Emptied::AsJob(ids)),
                false => Err(ActError::Refused(format!(
                    "more than {AT_ONCE_MAX} wait there: hold the destination first, then a job ends them"
                ))),
            };
        }
        let taken = outbound.withdraw_until(last);
        let free = ids.iter().filter(|id| !taken.sending.contains(id));
        let letters: Vec<Letter> = free.map(|id| Letter::Delivery(*id)).collect();
        let done = match self.store().discard(scope, act, &letters).await {
            Ok(done) => done,
            Err(error) => {
                taken.parcels.into_iter().for_each(|parcel| outbound.restore(parcel));
                return Err(error.into());
            }
        };
        // What was read back into memory meanwhile has ended too; what was being sent goes on.
        let ended: BTreeSet<Letter> = done.done.iter().copied().collect();
        for parcel in outbound.withdraw_until(last).parcels {
            if !ended.contains(&Letter::Delivery(parcel.0.delivery)) {
                outbound.restore(parcel);
            }
        }
        for letter in &done.done {
            if let Letter::Delivery(id) = letter {
                outbound.ended(*id, Watched::Dead);
            }
        }
        Ok(Emptied::Done(done.done.len(), taken.sending))
    }
}

/// Lets a destination go on when whatever it stood still for is over.
struct Again<'a>(&'a Outbound);

impl Drop for Again<'_> {
    fn drop(&mut self) {
        self.0.set_still(false);
    }
}
