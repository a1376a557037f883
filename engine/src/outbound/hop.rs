//! Hands a delivery to another channel: its end here and the message there are one commit.
//!
//! One at a time for each lane: the next one starts when this one is on disk, so that a commit that fails can never let it be overtaken.

use std::time::Duration;

use config::Name;
use connectors::{Evidence, Flow, Outcome};
use store::{Attempt, MessageId, Settle, Settled, StoreError, Wait};

use super::{Outbound, Phase};
use crate::decide::Undecided;
use crate::inlet::Inlet;
use crate::parcel::Parcel;

/// How long a channel at its high-water mark is waited for before the try counts as one.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Pause before a store that did not take a hop is asked again.
const STORE_RETRY: Duration = Duration::from_millis(200);

/// How a try to hand a delivery over ended.
pub(super) enum Hopped {
    /// Both ends are on disk.
    Done,
    /// The channel does not take it now.
    Later(Outcome),
    /// This engine may not write any more, or is ending: the delivery stays queued.
    Over(StoreError),
}

impl Outbound {
    pub(super) async fn hop(&self, parcel: &Parcel, to: &Name, started_us: i64) -> Hopped {
        let inlet = match self.open_inlet(to).await {
            Ok(inlet) => inlet,
            Err((code, text)) => return Hopped::Later(refused(to, code, text)),
        };
        loop {
            let message = Undecided {
                // The same id for the same delivery: a second line of defence against handing it over twice.
                id: MessageId::of_hop(parcel.delivery),
                body: parcel.body.clone(),
                received_us: self.clock.now_us(),
                trace: parcel.trace,
            };
            let taken = inlet.take_over(message, (parcel.message, self.lease.name()));
            let settle = self.handed_on(parcel, to, started_us);
            let (receipt, on_commit) = (taken.receipt, taken.on_commit);
            let both = (&self.lease, inlet.lease());
            match self.store.hop(both, settle, receipt, on_commit).await {
                Ok(()) => {
                    self.settled.notify_one();
                    return Hopped::Done;
                }
                // Its lease ends with the channel, and this one's goes on.
                Err(_) if inlet.valve().now() == Flow::Close => {
                    let (code, text) = absent(to);
                    return Hopped::Later(refused(to, code, text));
                }
                Err(error @ (StoreError::Fenced | StoreError::SyncFailed | StoreError::Closed)) => {
                    return Hopped::Over(error);
                }
                Err(error) => {
                    tracing::warn!(destination = %self.name, error = %error, "handing a message on failed, trying again");
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
            if self.state().phase == Phase::Stopped {
                return Hopped::Over(StoreError::Closed);
            }
        }
    }

    /// The channel, once it takes messages.
    async fn open_inlet(&self, to: &Name) -> Result<std::sync::Arc<Inlet>, (&'static str, String)> {
        let inlet = self.inlets.find(to).ok_or_else(|| absent(to))?;
        let mut flow = inlet.valve().flow();
        let ready = flow.wait_for(|flow| *flow != Flow::Pause);
        match tokio::time::timeout(PAUSE_MAX, ready).await.map(|ready| ready.map(|flow| *flow)) {
            Ok(Ok(Flow::Read)) => Ok(inlet),
            Ok(Ok(Flow::Close) | Err(_)) => Err(absent(to)),
            Ok(Ok(Flow::Pause)) | Err(_) => Err((
                "paused",
                format!("channel `{to}` is paused: too much of it is not on disk yet"),
            )),
        }
    }

    fn handed_on(&self, parcel: &Parcel, to: &Name, started_us: i64) -> Settle {
        let attempt = Attempt {
            started_us,
            duration_us: self.clock.now_us().saturating_sub(started_us),
            peer: place(to),
            code: "handed-on",
            answered: true,
            response: None,
            error: None,
        };
        let (delivery, message) = (parcel.delivery, parcel.message);
        Settle { delivery, message, attempt, to: Settled::Delivered, wait: Wait::None }
    }
}

fn absent(to: &Name) -> (&'static str, String) {
    ("no-channel", format!("channel `{to}` does not run"))
}

fn place(to: &Name) -> String {
    format!("channel {to}")
}

/// It counts as a receiver that cannot be reached: never given up, and nothing overtakes it.
fn refused(to: &Name, code: &'static str, text: String) -> Outcome {
    Outcome::Later(Evidence {
        code,
        answered: false,
        peer: place(to),
        duration: Duration::ZERO,
        response: None,
        text: Some(phi::Phi::new(text)),
    })
}
