//! Lets a sender's acknowledgement wait for deliveries (`ack = "on-delivery"`).

use std::sync::Mutex;

use tokio::sync::oneshot;

/// How the watched deliveries of one message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Every one was accepted by its receiver.
    Delivered,
    /// At least one is a dead letter.
    Dead,
}

/// Counts the final deliveries of one message.
pub struct Watch {
    state: Mutex<(usize, Option<oneshot::Sender<Watched>>)>,
}

impl Watch {
    /// A watch over this many deliveries, and where its result arrives.
    pub fn over(deliveries: usize) -> (Watch, oneshot::Receiver<Watched>) {
        let (sender, receiver) = oneshot::channel();
        (Watch { state: Mutex::new((deliveries, Some(sender))) }, receiver)
    }

    /// One of them is final.
    pub fn settled(&self, result: Watched) {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.0 = state.0.saturating_sub(1);
        let done = result == Watched::Dead || state.0 == 0;
        if done && let Some(sender) = state.1.take() {
            // The sender of the message may have gone; its deliveries are settled all the same.
            let _ = sender.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_be_delivered_and_one_dead_letter_is_enough() {
        let (watch, mut done) = Watch::over(2);
        watch.settled(Watched::Delivered);
        assert!(done.try_recv().is_err());
        watch.settled(Watched::Delivered);
        assert_eq!(done.try_recv(), Ok(Watched::Delivered));
        let (watch, mut done) = Watch::over(2);
        watch.settled(Watched::Dead);
        assert_eq!(done.try_recv(), Ok(Watched::Dead));
    }
}
