//! Makes the application acknowledgements that senders are owed: messages of their own, once the outcome is known.
//!
//! What is owed stands in the store, in the commit that holds the message, so an acknowledgement is made after a restart as well, and once.

use std::sync::Arc;
use std::time::Duration;

use ::channel::{AckPolicy, Arrival, Wishes, application_ack};
use bytes::Bytes;
use store::{
    AckPart, Decision, DeliveryBody, DeliveryId, Disposition, MessageId, NewDelivery, OnCommit,
    Origin, Owed, OwedBy, Receipt, StoreError,
};

use crate::answer::written;
use crate::decide::{Undecided, lane_keys, parcel};
use crate::header::header;
use crate::inlet::Inlet;
use crate::plan::{Plan, Route};

/// What is read from the store in one go.
const PAGE: usize = 128;
/// Pause before a store that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Makes what is owed, and again whenever something has happened that may have been waited for.
pub async fn run(inlet: Arc<Inlet>) {
    loop {
        match pay_all(&inlet).await {
            Ok(()) => {}
            Err(StoreError::Fenced | StoreError::SyncFailed | StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(channel = %inlet.name(), error = %error, "an acknowledgement could not be made, trying again");
                tokio::time::sleep(STORE_RETRY).await;
                continue;
            }
        }
        inlet.owed().notified().await;
    }
}

async fn pay_all(inlet: &Arc<Inlet>) -> Result<(), StoreError> {
    let mut after = -1;
    loop {
        let plan = inlet.plan();
        let Some(route) = &plan.acks else { return Ok(()) };
        let page = inlet.store().owed(inlet.lease(), &waits_for(&plan), after, PAGE).await?;
        let more = page.len() >= PAGE;
        for owed in page {
            after = owed.seq;
            pay(inlet, &plan, route, owed).await?;
        }
        if !more {
            return Ok(());
        }
    }
}

/// What an acknowledgement waits for.
fn waits_for(plan: &Plan) -> OwedBy {
    match &plan.channel.ack().policy {
        AckPolicy::OnReceipt | AckPolicy::OnAccept => OwedBy::Decision,
        AckPolicy::OnDelivery { destinations, .. } if destinations.is_empty() => OwedBy::Deliveries,
        AckPolicy::OnDelivery { destinations, .. } => {
            let chosen =
                plan.routes.iter().flatten().filter(|r| destinations.contains(&r.outbound.name));
            OwedBy::DeliveriesTo(chosen.map(|route| route.outbound.id).collect())
        }
    }
}

async fn pay(inlet: &Inlet, plan: &Plan, route: &Route, owed: Owed) -> Result<(), StoreError> {
    let settings = plan.channel.ack();
    let ack = match &owed.body {
        Ok(body) => {
            let peek = hl7::peek(body).ok();
            let wishes = peek.as_ref().map(|peek| Wishes::of(body, peek)).unwrap_or_default();
            application_ack(settings, wishes, &arrival(plan, &owed))
                .map(|ack| written(&ack, (body, peek.as_ref()), settings, inlet.ack_ids()))
        }
        Err(error) => {
            tracing::error!(channel = %inlet.name(), message = %owed.message, error = %error, "a message does not open and cannot be acknowledged");
            None
        }
    };
    let nothing: OnCommit = Box::new(|_| {});
    let (receipt, on_commit) = match ack {
        None => (None, nothing),
        Some(bytes) => {
            let (receipt, on_commit) = message(inlet, plan, (route, &owed), bytes);
            (Some(receipt), on_commit)
        }
    };
    match inlet.store().acknowledge(inlet.lease(), owed.message, receipt, on_commit).await {
        // A commit that nobody heard of had made it.
        Err(StoreError::Refused(_)) => Ok(()),
        other => other,
    }
}

/// What became of the message, as far as the policy asks.
fn arrival(plan: &Plan, owed: &Owed) -> Arrival<'static> {
    match owed.disposition {
        Disposition::Filtered => Arrival::Filtered,
        Disposition::Unrouted => Arrival::Unrouted,
        Disposition::Failed => Arrival::Failed("the message could not be processed"),
        Disposition::Received
        | Disposition::Delivered
        | Disposition::PartlyDelivered
        | Disposition::Rejected
        | Disposition::Discarded => match plan.channel.ack().policy {
            AckPolicy::OnDelivery { .. } if owed.undelivered > 0 => {
                Arrival::Failed("the message could not be delivered")
            }
            AckPolicy::OnDelivery { .. } => Arrival::Delivered,
            AckPolicy::OnReceipt | AckPolicy::OnAccept => Arrival::Routed,
        },
    }
}

/// The acknowledgement as a message of its own, with its one delivery.
fn message(
    inlet: &Inlet,
    plan: &Plan,
    (route, owed): (&Route, &Owed),
    bytes: Bytes,
) -> (Receipt, OnCommit) {
    let now_us = inlet.now_us();
    let made = Undecided {
        id: MessageId::new(),
        body: bytes.clone(),
        received_us: now_us,
        trace: owed.trace,
    };
    let delivery = DeliveryId::new();
    let keys = lane_keys(route, (inlet.store(), inlet.lease()), delivery, &[]);
    let parcel = parcel(&made, (delivery, 1), keys.clone().into(), bytes.clone());
    let new = NewDelivery {
        id: delivery,
        destination: route.outbound.id,
        part: 1,
        body: DeliveryBody::Same,
        keys,
        dead: None,
    };
    let decision = Decision {
        revision: plan.revision,
        disposition: Disposition::Received,
        reason: None,
        error: None,
        signature: None,
        deliveries: vec![new],
    };
    let receipt = Receipt {
        id: made.id,
        received_us: now_us,
        origin: Origin::Acknowledgement,
        parent: Some(owed.message),
        trace: owed.trace,
        peer: String::new(),
        header: hl7::peek(&bytes).map(|peek| header(&peek, &bytes)).unwrap_or_default(),
        body: bytes,
        ack_code: "",
        dedupe: false,
        refuse_same_id: false,
        decision: Some(decision),
        tries: 0,
        lone_lf: 0,
        batch: None,
        ack: AckPart::None,
    };
    let parcels = vec![(Arc::clone(&route.outbound), parcel)];
    (receipt, inlet.hand_over_on_commit(parcels))
}
