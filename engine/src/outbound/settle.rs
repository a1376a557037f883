//! Settles that are on their way to disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use store::{LaneKey, Settle, SettleTicket, Settled, StoreError};

use super::Outbound;
use crate::lanes::IN_DOUBT_MAX;

/// Pause before a settle is given again to a store that could not take it.
const STORE_RETRY: Duration = Duration::from_millis(200);

struct InDoubt {
    settle: Settle,
    ticket: SettleTicket,
    /// The lanes that count this delivery as in doubt; none when it will be tried again.
    keys: Option<Arc<[LaneKey]>>,
}

/// The settles of one worker, oldest first.
#[derive(Default)]
pub(super) struct InDoubtQueue {
    queue: VecDeque<InDoubt>,
}

impl InDoubtQueue {
    /// Gives a settle to the store without waiting for the disk.
    pub(super) fn push(
        &mut self,
        outbound: &Outbound,
        settle: Settle,
        keys: Option<Arc<[LaneKey]>>,
    ) {
        let ticket = outbound.store.settle(&outbound.lease, settle.clone());
        self.queue.push_back(InDoubt { settle, ticket, keys });
    }

    /// Whether the worker must wait for the disk before it sends more.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= IN_DOUBT_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lets the store know that the lane cannot go on before the oldest settle is on disk.
    pub(super) fn hurry(&self) {
        if let Some(first) = self.queue.front() {
            first.ticket.hurry();
        }
    }

    /// Waits until the oldest settle is on disk. May be dropped and called again.
    ///
    /// A settle that the store could not take is given to it again until it can: the receiver
    /// has the message, and forgetting that would send it twice.
    pub(super) async fn oldest(&mut self, outbound: &Outbound) -> Result<(), StoreError> {
        let Some(first) = self.queue.front_mut() else { return Ok(()) };
        match (&mut first.ticket).await {
            Ok(()) => {}
            Err(error @ (StoreError::Fenced | StoreError::SyncFailed)) => return Err(error),
            Err(error) => {
                tracing::warn!(destination = %outbound.name, error = %error, "settling failed, trying again");
                first.ticket = outbound.store.settle(&outbound.lease, first.settle.clone());
                tokio::time::sleep(STORE_RETRY).await;
                return Ok(());
            }
        }
        let Some(done) = self.queue.pop_front() else { return Ok(()) };
        outbound.settled.notify_one();
        if matches!(done.settle.to, Settled::Committed { .. }) {
            outbound.awaiting.notify_one();
        }
        if let Some(keys) = done.keys {
            outbound.state().lanes.synced(&keys);
            outbound.work.notify_one();
        }
        Ok(())
    }
}
