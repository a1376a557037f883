//! The end of one try to deliver.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use config::Name;
use phi::Phi;
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::ids::{DeliveryId, MessageId};
use crate::writer::Hurry;

/// What one try came to. May be given again when the store could not take it: a try counts once.
#[derive(Clone)]
pub struct Settle {
    /// The delivery that was tried.
    pub delivery: DeliveryId,
    /// Its message.
    pub message: MessageId,
    /// What happened.
    pub attempt: Attempt,
    /// What the delivery becomes.
    pub to: Settled,
    /// Whether it ends the wait for an application acknowledgement.
    pub wait: Wait,
}

/// What a settle means for a delivery that waits for its application acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: it did not wait.
    #[default]
    None,
    /// This message is the acknowledgement.
    Answered(MessageId),
    /// None came in time.
    Unanswered,
}

/// The trace of one try.
#[derive(Clone)]
pub struct Attempt {
    /// When it began, microseconds UTC; later for each try of a delivery.
    pub started_us: i64,
    /// How long it took.
    pub duration_us: i64,
    /// Who was asked.
    pub peer: String,
    /// How it ended, as a stable code.
    pub code: &'static str,
    /// Whether the receiver read or answered anything: such tries count towards giving up.
    pub answered: bool,
    /// What the receiver answered.
    pub response: Option<Phi<Bytes>>,
    /// What went wrong, in words that may quote patient data.
    pub error: Option<Phi<String>>,
}

/// What a try makes of its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it.
    Delivered,
    /// Tried again, not before this time (microseconds UTC).
    Waiting {
        /// Not before.
        until_us: i64,
    },
    /// The receiver has committed it, and owes an application acknowledgement.
    Committed {
        /// The end of the wait for it.
        until_us: i64,
        /// The channel that gets it.
        acks: Name,
        /// The control id that it will name (MSH-10 as sent).
        control_id: Vec<u8>,
    },
    /// Given up.
    Dead {
        /// Why, as a stable code.
        code: &'static str,
    },
}

/// A settle on its way to disk: the future ends when it is synced.
///
/// It was taken in order when it was made; dropping the ticket changes nothing.
pub struct SettleTicket {
    pub(crate) outcome: oneshot::Receiver<Result<(), StoreError>>,
    pub(crate) hurry: Arc<Hurry>,
}

impl SettleTicket {
    /// Says that somebody cannot go on before this is synced, so that the writer stops waiting for company.
    pub fn hurry(&self) {
        self.hurry.now();
    }
}

impl Future for SettleTicket {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome)
            .poll(context)
            .map(|outcome| outcome.unwrap_or(Err(StoreError::Closed)))
    }
}
