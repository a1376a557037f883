//! What people do to deliveries and destinations: hold, resume, retry, discard.
//!
//! The store commits each with its audit record; this module keeps memory and store of one mind.

use std::collections::BTreeSet;
use std::sync::Arc;

use config::Name;
use store::{
    Act, ActOutcome, DeliveryId, DeliveryState, DestinationId, Letter, QueuedDelivery, Scope,
    StoreError, Target,
};

use crate::engine::Engine;
use crate::outbound::refill::parcel;
use crate::outbound::{Outbound, Withdrawn};
use crate::running::Running;
use crate::selection::{Selection, letter_id};
use crate::watch::Watched;

/// Deliveries read from the store in one go.
const PAGE: usize = 256;

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// What was named is not there.
    #[error("no such {0}")]
    Absent(&'static str),
    /// What was named cannot be meant.
    #[error("{0}")]
    Refused(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a discard ended.
#[derive(Clone, Debug, Default)]
pub struct Discarded {
    /// How many deliveries and messages.
    pub count: usize,
    /// What was named and stays, with the reason.
    pub refused: Vec<(String, &'static str)>,
}

impl Engine {
    /// Stops sending to a destination; its deliveries queue.
    pub async fn hold(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        destination: &Name,
    ) -> Result<(), ActError> {
        self.store().hold(scope, act, channel, destination).await?;
        self.with(channel, destination, |outbound| outbound.set_held(true));
        Ok(())
    }

    /// Sends to a held destination again.
    pub async fn resume(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        destination: &Name,
    ) -> Result<(), ActError> {
        self.store().resume(scope, act, channel, destination).await?;
        self.with(channel, destination, |outbound| outbound.set_held(false));
        Ok(())
    }

    /// Tries everything that waits at a destination now, also single deliveries that are held.
    pub async fn retry_now(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        destination: &Name,
    ) -> Result<(), ActError> {
        let Some(running) = self.channel(channel) else { return Err(ActError::Absent("channel")) };
        let Some(outbound) = running.destination(destination) else {
            return Err(ActError::Absent("destination"));
        };
        let held = self.held(&running, outbound.id).await?;
        let ids: Vec<DeliveryId> = held.iter().map(|row| row.id).collect();
        let target = Target {
            kind: "destination",
            id: Some(destination.to_string()),
            channel: Some(channel.to_string()),
        };
        self.store().record(act, target, ActOutcome::Success, None).await?;
        let released = match ids.is_empty() {
            true => Vec::new(),
            false => self.store().release(scope, act, &ids).await?.done,
        };
        outbound.retry_now();
        let back = held.into_iter().filter(|row| released.contains(&row.id));
        back.for_each(|row| outbound.put_back(parcel(row)));
        Ok(())
    }

    /// The single deliveries that are held at a destination.
    async fn held(
        &self,
        running: &Running,
        destination: DestinationId,
    ) -> Result<Vec<QueuedDelivery>, StoreError> {
        let (mut held, mut after) = (Vec::new(), None);
        loop {
            let page = self.store().queued(running.inlet.lease(), destination, after, PAGE).await?;
            after = page.last().map(|row| (row.seq, row.part));
            let more = page.len() >= PAGE;
            held.extend(page.into_iter().filter(|row| row.state == DeliveryState::Held));
            if !more {
                return Ok(held);
            }
        }
    }

    fn with(&self, channel: &Name, destination: &Name, act: impl FnOnce(&Outbound)) {
        if let Some(outbound) =
            self.channel(channel).and_then(|running| running.destination(destination))
        {
            act(&outbound);
        }
    }

    /// Ends deliveries without sending them, and failed messages; what is being sent at this moment stays.
    pub async fn discard(
        &self,
        scope: &Scope,
        act: &Act,
        selection: &Selection,
    ) -> Result<Discarded, ActError> {
        let mut letters = self.letters(scope, selection).await?;
        let taken = self.withdraw(&letters);
        let sending = taken.sending.clone();
        letters.retain(|letter| !matches!(letter, Letter::Delivery(id) if sending.contains(id)));
        let done = match self.store().discard(scope, act, &letters).await {
            Ok(done) => done,
            Err(error) => {
                // Nothing was ended, so memory goes on with what it had.
                self.put_back(taken, None);
                return Err(error.into());
            }
        };
        self.put_back(taken, Some(&done));
        let sending = sending.iter().map(|id| (id.to_string(), "it is being sent at this moment"));
        let stay = done
            .refused
            .iter()
            .map(|letter| (letter_id(letter), "it has ended already, or is not there"));
        Ok(Discarded { count: done.done.len(), refused: sending.chain(stay).collect() })
    }

    /// Takes letters out of memory, so that the store may end them.
    pub(crate) fn withdraw(&self, letters: &[Letter]) -> Taken {
        let ids = letters.iter().filter_map(|letter| match letter {
            Letter::Delivery(id) => Some(*id),
            Letter::Message(_) => None,
        });
        let ids: Vec<DeliveryId> = ids.collect();
        let destinations = self.running().into_iter().flat_map(|running| running.destinations());
        let out: Vec<_> =
            destinations.map(|(_, outbound)| (outbound.withdraw(&ids), outbound)).collect();
        let sending = out.iter().flat_map(|(out, _)| out.sending.iter().copied()).collect();
        Taken { out, sending }
    }

    /// Tells memory what the store has ended, if it did; what it was not given goes on with its work.
    pub(crate) fn put_back(&self, taken: Taken, done: Option<&store::Discarded>) {
        let of = |letters: &[Letter]| letters.iter().copied().collect::<BTreeSet<_>>();
        let ended = done.map(|done| of(&done.done)).unwrap_or_default();
        let gone = done.map(|done| of(&done.refused)).unwrap_or_default();
        for (out, outbound) in taken.out {
            for parcel in out.parcels {
                let letter = Letter::Delivery(parcel.0.delivery);
                if ended.contains(&letter) {
                    outbound.ended(parcel.0.delivery, Watched::Dead);
                } else if !gone.contains(&letter) {
                    outbound.restore(parcel);
                }
            }
        }
    }
}

/// What was taken out of memory.
pub(crate) struct Taken {
    out: Vec<(Withdrawn, Arc<Outbound>)>,
    sending: Vec<DeliveryId>,
}

impl Taken {
    /// Whether a delivery could not be taken out, because it is being sent.
    pub(crate) fn is_sending(&self, id: DeliveryId) -> bool {
        self.sending.contains(&id)
    }
}
