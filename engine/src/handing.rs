//! From a commit to the lanes, or to the worker that decides: what runs when a message is on disk.

use std::sync::{Arc, Mutex, MutexGuard};

use store::Committed;
use tokio::sync::{mpsc, oneshot};

use crate::decide::{Handover, Undecided};
use crate::flow::Load;
use crate::gate::{Gate, Passed};
use crate::late::{Late, Told, Work};

/// The order gate of a channel, shared with its destinations.
pub type ChannelGate = Arc<Mutex<Gate<Vec<Handover>>>>;

/// Deliveries on their way from a commit to their lanes.
///
/// Dropped without having been handed over, the commit failed, or nobody knows whether it did: then the lanes look into the store
/// for what it may hold.
pub(crate) struct Handing {
    pub parcels: Option<Vec<Handover>>,
    pub gate: ChannelGate,
}

impl Handing {
    pub(crate) fn over(mut self, Committed { seq }: Committed) {
        let Some(mut parcels) = self.parcels.take() else { return };
        parcels.iter_mut().for_each(|(_, parcel)| parcel.position.seq = seq);
        let passed = lock(&self.gate).decided(seq, parcels);
        match passed {
            Passed::Release(released) => hand_over(released),
            Passed::Leave(parcels) => leave_in_store(parcels),
        }
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        leave_in_store(self.parcels.take().unwrap_or_default());
    }
}

fn leave_in_store(parcels: Vec<Handover>) {
    parcels.into_iter().for_each(|(outbound, _)| outbound.leave_in_store());
}

/// A message on its way from a commit without a decision to the worker that decides.
pub(crate) struct Deferring {
    pub message: Option<(Undecided, Option<oneshot::Sender<Told>>, Load)>,
    pub gate: ChannelGate,
    pub late: mpsc::UnboundedSender<Work>,
}

impl Deferring {
    pub(crate) fn over(mut self, Committed { seq }: Committed) {
        let Some((message, told, load)) = self.message.take() else { return };
        lock(&self.gate).undecided(seq);
        let late = Late { seq, message, tries: 0, told, load: Some(load) };
        // The worker ends only with the channel; then the message stays undecided in the store.
        let _ = self.late.send(Work::Decide(late));
    }
}

impl Drop for Deferring {
    fn drop(&mut self) {
        if self.message.is_some() {
            // It may be on disk all the same: nothing overtakes it before somebody has looked.
            lock(&self.gate).unread_from(0);
            let _ = self.late.send(Work::Read);
        }
    }
}

pub(crate) fn hand_over(released: Vec<Vec<Handover>>) {
    for (outbound, parcel) in released.into_iter().flatten() {
        outbound.hand_over(parcel);
    }
}

pub(crate) fn lock<T>(gate: &Mutex<Gate<T>>) -> MutexGuard<'_, Gate<T>> {
    gate.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
