//! Reads deliveries back from the store when memory has room for them.

use std::sync::Arc;
use std::time::Duration;

use store::{DeliveryState, QueuedDelivery};

use super::{Outbound, PARCEL_BYTES_MAX, PARCELS_MAX, Phase};
use crate::lanes::Position;
use crate::parcel::Parcel;

/// Deliveries read in one go.
const BATCH: usize = 256;
/// Pause before asking a store again that did not answer.
const STORE_RETRY: Duration = Duration::from_millis(500);

impl Outbound {
    /// Begins: reads what the store has, then lets the workers go on with it.
    pub(super) async fn keep_filled(self: Arc<Self>) {
        let mut begun = false;
        loop {
            while self.behind_with_room() {
                match self.refill().await {
                    Ok(()) => {}
                    Err(error) => {
                        tracing::warn!(destination = %self.name, error = %error, "reading queued deliveries failed");
                        tokio::time::sleep(STORE_RETRY).await;
                    }
                }
                if !begun {
                    begun = true;
                    self.begin();
                }
            }
            if self.state().phase == Phase::Stopped {
                return;
            }
            self.room.notified().await;
        }
    }

    fn begin(&self) {
        let mut state = self.state();
        if state.phase == Phase::Starting {
            state.phase = Phase::Running;
        }
        drop(state);
        self.work.notify_waiters();
        self.work.notify_one();
    }

    fn behind_with_room(&self) -> bool {
        let state = self.state();
        state.behind
            && state.phase != Phase::Stopped
            && state.lanes.len() < PARCELS_MAX
            && state.bytes < PARCEL_BYTES_MAX
    }

    async fn refill(&self) -> Result<(), store::StoreError> {
        let (after, missed) = {
            let state = self.state();
            (state.loaded.map(|p| (p.seq, p.part)), state.missed)
        };
        let open_before = (self.open_before)();
        let rows = self.store.queued(&self.lease, self.id, after, BATCH).await?;
        let full = rows.len() >= BATCH;
        let gated = self.take_in(rows, full, missed, open_before);
        if gated {
            // The undecided message in front hands over when it is decided; ask again after that.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Adds what was read; answers whether an undecided message stands before the rest.
    fn take_in(
        &self,
        rows: Vec<QueuedDelivery>,
        full: bool,
        missed: u64,
        open_before: i64,
    ) -> bool {
        let mut state = self.state();
        let mut gated = false;
        for row in rows {
            if row.seq >= open_before {
                gated = true;
                break;
            }
            let held = row.state == DeliveryState::Held;
            let not_before = row.next_us.filter(|_| row.state == DeliveryState::Waiting);
            let awaits_ack = row.awaits_ack;
            let parcel = parcel(row);
            if awaits_ack {
                state.loaded = state.loaded.max(Some(parcel.position));
                continue;
            }
            if Some(parcel.position) > state.loaded {
                state.add(parcel, held, not_before);
            }
        }
        state.behind = full || gated || state.missed != missed;
        drop(state);
        self.work.notify_one();
        gated
    }
}

/// A stored delivery as it travels in memory.
pub(crate) fn parcel(row: QueuedDelivery) -> Parcel {
    Parcel {
        delivery: row.id,
        message: row.message,
        trace: row.trace,
        position: Position { seq: row.seq, part: row.part },
        keys: row.keys.into(),
        body: row.body,
        received_us: row.received_us,
        tries: row.tries,
        answered_tries: row.answered_tries,
        first_answered_us: row.first_answered_us,
    }
}
