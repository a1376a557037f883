//! What becomes of rows that do not open: they are set aside with a reason, and everything else goes on.

use tokio::sync::oneshot;

use crate::audit::{Act, ActOutcome, Actor, ActorKind, Target};
use crate::error::StoreError;
use crate::group::Work;
use crate::ids::{DeliveryId, MessageId, RevisionId};
use crate::lease::Lease;
use crate::receipt::{Decision, Reason};
use crate::settle::{Attempt, Settle, Settled, Wait};
use crate::state::Disposition;
use crate::store::Store;

/// The stable code of rows that do not open.
const CODE: &str = "unreadable";
/// Stands where no revision decided.
const NO_REVISION: i64 = 0;

impl Store {
    /// Ends a delivery whose body does not open.
    pub(crate) async fn bury(
        &self,
        lease: &Lease,
        message: MessageId,
        delivery: DeliveryId,
    ) -> Result<(), StoreError> {
        tracing::error!(%message, %delivery, "a body does not open; its delivery is dead");
        let attempt = Attempt {
            started_us: self.inner.time.latest_us(),
            duration_us: 0,
            peer: String::new(),
            code: CODE,
            answered: false,
            response: None,
            error: None,
        };
        let ticket = self.settle(
            lease,
            Settle {
                delivery,
                message,
                attempt,
                to: Settled::Dead { code: CODE },
                wait: Wait::None,
            },
        );
        ticket.hurry();
        ticket.await?;
        self.take_down(lease, message).await
    }

    /// Ends an undecided message that does not open: no program can run on it.
    pub(crate) async fn set_aside(
        &self,
        lease: &Lease,
        message: MessageId,
    ) -> Result<(), StoreError> {
        tracing::error!(%message, "a message does not open; it is set aside");
        let decision = Decision {
            revision: RevisionId::from_number(NO_REVISION),
            disposition: Disposition::Failed,
            reason: Some(Reason { code: CODE.to_owned(), step: None }),
            error: None,
            signature: Some(CODE.to_owned()),
            deliveries: Vec::new(),
        };
        let (reply, outcome) = oneshot::channel();
        let sealed = self.intake(lease).decided(message, decision)?;
        self.put(lease, sealed, |row| Work::Decide {
            row: Box::new(row),
            on_commit: Box::new(|_| {}),
            reply,
        })?;
        outcome.await.unwrap_or(Err(StoreError::Closed)).map(drop)?;
        self.take_down(lease, message).await
    }

    /// Records that something does not open: it was changed by other hands, or its disk is failing.
    async fn take_down(&self, lease: &Lease, message: MessageId) -> Result<(), StoreError> {
        let act = Act {
            actor: Actor::new(ActorKind::System, "engine"),
            action: "message.unreadable",
            purpose: None,
            approval: None,
            request: None,
            now_us: self.inner.time.latest_us(),
        };
        let channel = Some(lease.name().to_string());
        let target = Target { kind: "message", id: Some(message.to_string()), channel };
        self.record(&act, target, ActOutcome::Failure, Some(CODE.to_owned())).await
    }
}
