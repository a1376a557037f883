//! Lets a sender's acknowledgement wait for deliveries (`ack = "on-delivery"`).
//!
//! A watch is set before the commit, under the ids of the deliveries: whichever way a delivery then takes into memory, by its hand-over
//! or read back from the store, its end is heard.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use store::DeliveryId;
use tokio::sync::oneshot;

/// Watches that nobody waits for any more are looked for when there are this many.
const SWEEP_AT: usize = 256;

/// How the watched deliveries of one message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Every one was accepted by its receiver.
    Delivered,
    /// At least one was given up.
    Dead,
}

/// Counts the final deliveries of one message.
pub struct Watch {
    state: Mutex<(usize, Option<oneshot::Sender<Watched>>)>,
}

/// Where the end of the watched deliveries is heard. Dropping it ends the watch.
pub struct Watching {
    heard: oneshot::Receiver<Watched>,
    _watch: Arc<Watch>,
}

impl Watching {
    /// Waits for it; nothing when it will not be heard.
    pub async fn end(self) -> Option<Watched> {
        self.heard.await.ok()
    }
}

impl Watch {
    /// A watch over this many deliveries, and where its result arrives.
    pub fn over(deliveries: usize) -> (Weak<Watch>, Watching) {
        let (sender, heard) = oneshot::channel();
        let watch = Arc::new(Watch { state: Mutex::new((deliveries, Some(sender))) });
        (Arc::downgrade(&watch), Watching { heard, _watch: watch })
    }

    fn settled(&self, result: Watched) {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.0 = state.0.saturating_sub(1);
        let done = result == Watched::Dead || state.0 == 0;
        if done && let Some(sender) = state.1.take() {
            // The sender of the message may have gone; its deliveries are settled all the same.
            let _ = sender.send(result);
        }
    }
}

/// The watched deliveries of one destination.
#[derive(Default)]
pub struct Watches {
    open: HashMap<DeliveryId, Weak<Watch>>,
    sweep_at: usize,
}

impl Watches {
    /// Watches one more.
    pub fn add(&mut self, delivery: DeliveryId, watch: Weak<Watch>) {
        if self.open.len() >= self.sweep_at.max(SWEEP_AT) {
            self.open.retain(|_, watch| watch.strong_count() > 0);
            self.sweep_at = self.open.len() * 2;
        }
        self.open.insert(delivery, watch);
    }

    /// One is final.
    pub fn settled(&mut self, delivery: DeliveryId, result: Watched) {
        if self.open.is_empty() {
            return;
        }
        if let Some(watch) = self.open.remove(&delivery).and_then(|watch| watch.upgrade()) {
            watch.settled(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_must_be_delivered_and_one_dead_letter_is_enough() {
        let (one, two) = (DeliveryId::new(), DeliveryId::new());
        for (ends, expected) in [
            ([Watched::Delivered, Watched::Delivered], Watched::Delivered),
            ([Watched::Delivered, Watched::Dead], Watched::Dead),
            ([Watched::Dead, Watched::Delivered], Watched::Dead),
        ] {
            let (watch, watching) = Watch::over(2);
            let mut watches = Watches::default();
            watches.add(one, watch.clone());
            watches.add(two, watch);
            watches.settled(one, ends[0]);
            watches.settled(two, ends[1]);
            assert_eq!(watching.end().await, Some(expected), "{ends:?}");
        }
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten() {
        let mut watches = Watches::default();
        for _ in 0..10 * SWEEP_AT {
            let (watch, watching) = Watch::over(1);
            watches.add(DeliveryId::new(), watch);
            drop(watching);
        }
        assert!(watches.open.len() <= SWEEP_AT, "{}", watches.open.len());
    }
}
