//! Decides messages behind their acknowledgement: those whose program needed too long, those of
//! the time after an unclean end, and those that a restart or a replay left undecided.
//!
//! One at a time for each channel, oldest first, so that order needs no more thought.

use std::sync::Arc;
use std::time::Duration;

use store::StoreError;
use tokio::sync::{mpsc, oneshot};

use crate::budget::{Deadline, IN_ALL};
use crate::decide::{Decided, Outcome, Undecided, decide, faulty};
use crate::flow::Load;
use crate::inlet::Inlet;
use crate::watch::Watching;

/// A program that was running when the process ended this many times is not started again.
const TRIES_MAX: u8 = 3;
/// Messages read from the store in one go.
const PAGE: usize = 256;
/// Pause before a store that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_millis(200);

/// What the acknowledgement hears: the outcome, and what else it may have to wait for.
pub type Told = (Outcome, Option<Watching>);

/// A message that waits for its decision.
pub struct Late {
    /// Its number in the channel.
    pub seq: i64,
    /// The message.
    pub message: Undecided,
    /// How often its program has been started.
    pub tries: u8,
    /// Who waits for the outcome before acknowledging.
    pub told: Option<oneshot::Sender<Told>>,
    /// What it weighs in memory.
    pub load: Option<Load>,
}

/// What the worker of a channel is asked to do.
pub enum Work {
    /// Decide this message.
    Decide(Late),
    /// Decide what the store holds.
    Read,
}

/// Works off what waits, until nobody can send more.
pub async fn run(inlet: Arc<Inlet>, mut waiting: mpsc::UnboundedReceiver<Work>) {
    while let Some(work) = waiting.recv().await {
        let done = match work {
            Work::Decide(late) => one(&inlet, late).await,
            Work::Read => stored(&inlet).await,
        };
        if let Err(error) = done {
            tracing::error!(channel = %inlet.name(), error = %error, "deciding messages has ended");
            return;
        }
    }
}

/// Decides everything that the store holds undecided, a page at a time.
async fn stored(inlet: &Arc<Inlet>) -> Result<(), StoreError> {
    loop {
        let page = again(|| inlet.store().undecided(inlet.lease(), PAGE)).await?;
        let more = page.len() >= PAGE;
        let rows = inlet.read_page(page, more);
        // A whole page that is in hand already is decided after this; the rest is asked for then.
        let progressed = !rows.is_empty();
        for late in rows {
            one(inlet, late).await?;
        }
        if !more {
            return Ok(());
        }
        if !progressed {
            inlet.read_undecided_again();
            return Ok(());
        }
    }
}

async fn one(inlet: &Arc<Inlet>, late: Late) -> Result<(), StoreError> {
    let Late { seq, message, tries, told, load } = late;
    let id = message.id;
    let worker = Arc::clone(inlet);
    // Off the threads that read sockets: a slow program delays its own channel only.
    let decided = tokio::task::spawn_blocking(move || {
        let plan = worker.plan();
        match tries {
            TRIES_MAX.. => faulty(
                &plan,
                "crash",
                "the process ended three times while this message's program ran",
            ),
            _ => worker.last_words().during(id, || {
                decide(&plan, (worker.store(), worker.lease()), &message, &Deadline::within(IN_ALL))
                    .unwrap_or_else(|| faulty(&plan, "budget", "the program needed more than 2 s"))
            }),
        }
    })
    .await;
    let decided = match decided {
        Ok(decided) => decided,
        Err(_) => faulty(&inlet.plan(), "panic", "a step of the channel broke off"),
    };
    let Decided { decision, parcels, outcome, watched } = decided;
    match inlet.decide(id, decision, parcels).await {
        Ok(()) => {}
        Err(error @ (StoreError::Fenced | StoreError::SyncFailed | StoreError::Closed)) => {
            return Err(error);
        }
        Err(error) => {
            tracing::warn!(channel = %inlet.name(), error = %error, "a decision did not reach the store, deciding again");
            tokio::time::sleep(STORE_RETRY).await;
            inlet.ask_again(seq);
            return Ok(());
        }
    }
    if let Some(told) = told {
        // The sender may have gone; what it sent is decided all the same.
        let _ = told.send((outcome, watched));
    }
    drop(load);
    Ok(())
}

/// Asks the store until it answers; only an owner that is no longer one gives up.
async fn again<F, T>(mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match ask().await {
            Ok(done) => return Ok(done),
            Err(error @ (StoreError::Fenced | StoreError::SyncFailed | StoreError::Closed)) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(error = %error, "the store did not answer, asking again");
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}
