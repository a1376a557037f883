//! Services of the page of a message: what surrounds it, and its bytes in other shapes than as they came. Every look is recorded.

use auth::{Permit, grants};
use config::Name;
use hl7::{Message, ParseOptions, PathChange};
use store::{AuditRecord, BodyOf, DeliveryId, InLine, MessageDetail, MessageId};

use super::{Service, Why};
use crate::problem::Problem;
use crate::routes::Call;

/// Records that are shown with a message.
const LOOKS_MAX: usize = 100;
/// Differences of two messages that are told.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Which bytes are looked at.
#[derive(Clone, Debug)]
pub struct LookAt {
    /// The message.
    pub message: MessageId,
    /// As it was sent there; as it was received otherwise.
    pub destination: Option<Name>,
    /// The part of a split, from 1.
    pub part: u32,
}

/// Where two messages differ.
pub struct Differing {
    /// The differences.
    pub changes: Vec<PathChange>,
    /// There are more.
    pub cut: bool,
}

/// What surrounds a message.
pub struct Around {
    /// All messages of its line.
    pub line: Vec<InLine>,
    /// The one before it in its channel.
    pub previous: Option<MessageId>,
    /// The one after it.
    pub next: Option<MessageId>,
    /// What the audit log says about it, the newest first; nothing for whoever may not read that.
    pub looks: Option<Vec<AuditRecord>>,
}

impl Service {
    /// What surrounds a message; who has looked at it for whoever may read the audit log.
    pub async fn around(
        &self,
        call: &Call<grants::MessageMeta>,
        detail: &MessageDetail,
    ) -> Result<Around, Problem> {
        let (store, scope, id) = (self.engine.store(), call.permit.scope(), detail.summary.id);
        let (previous, next) = store.neighbours(scope, id).await?;
        let looks = match call.session.permit::<grants::AuditRead>() {
            Some(_) => Some(store.records_about(&id.to_string(), LOOKS_MAX).await?),
            None => None,
        };
        Ok(Around { line: store.line(scope, id).await?, previous, next, looks })
    }

    /// The bytes that are looked at. Recorded before they are given.
    pub async fn look_at(
        &self,
        permit: &Permit<grants::MessageBody>,
        look: &LookAt,
        why: &Why,
    ) -> Result<Vec<u8>, Problem> {
        let store = self.engine.store();
        let absent = || Problem::absent("message");
        let detail = store.message(permit.scope(), look.message).await?.ok_or_else(absent)?;
        let which = match &look.destination {
            None => BodyOf::Message(look.message),
            Some(name) => {
                let mut all = detail.deliveries.iter();
                let found = all.find(|one| one.destination == *name && one.part == look.part);
                BodyOf::Delivery(found.ok_or_else(|| Problem::absent("delivery"))?.id)
            }
        };
        self.record_look(permit, "message.body.read", (look.message, &detail), why).await?;
        Ok(store.body(permit.scope(), which).await?.into_phi().to_vec())
    }

    /// Where two messages differ, by path. Recorded as a look at both.
    pub async fn difference(
        &self,
        permit: &Permit<grants::MessageBody>,
        (left, right): (&LookAt, &LookAt),
        why: &Why,
    ) -> Result<Differing, Problem> {
        let before = self.look_at(permit, left, why).await?;
        let after = self.look_at(permit, right, why).await?;
        let found = tokio::task::spawn_blocking(move || differing_of(&before, &after)).await;
        found.map_err(|_| Problem::conflict("unreadable", "the messages cannot be compared"))
    }

    /// What a receiver answered to a try, from 1. Recorded as a look at the message.
    pub async fn response(
        &self,
        permit: &Permit<grants::MessageBody>,
        (delivery, attempt): (DeliveryId, usize),
        why: &Why,
    ) -> Result<Vec<u8>, Problem> {
        let (store, scope) = (self.engine.store(), permit.scope());
        let absent = || Problem::absent("delivery");
        let message = store.message_of(scope, delivery).await?.ok_or_else(absent)?;
        let detail = store.message(scope, message).await?.ok_or_else(absent)?;
        let found = detail.deliveries.iter().find(|one| one.id == delivery).ok_or_else(absent)?;
        let tried = attempt.checked_sub(1).and_then(|at| found.attempts.get(at));
        let tried = tried.ok_or_else(|| Problem::absent("attempt"))?;
        if !tried.has_response {
            return Err(Problem::absent("response: nothing was answered"));
        }
        self.record_look(permit, "message.body.read", (message, &detail), why).await?;
        let which = BodyOf::Response { delivery, started_us: tried.started_us };
        Ok(store.body(scope, which).await?.into_phi().to_vec())
    }
}

/// Where bytes differ as messages.
pub fn differing_of(before: &[u8], after: &[u8]) -> Differing {
    let message = |bytes: &[u8]| Message::parse(bytes, &ParseOptions::default());
    let mut changes = hl7::changes(&message(before), &message(after));
    let cut = changes.len() > DIFFERENCES_MAX;
    changes.truncate(DIFFERENCES_MAX);
    Differing { changes, cut }
}
