//! Runs a channel's program on a message and says what is to be stored and delivered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::channel::{Body, Budget, Failure, Output, Verdict};
use bytes::Bytes;
use phi::Phi;
use store::{
    DeadOnArrival, Decision, DeliveryBody, DeliveryId, Disposition, Lease, MessageId, NewDelivery,
    Reason, Store,
};

use crate::keys;
use crate::lanes::Position;
use crate::outbound::Outbound;
use crate::parcel::Parcel;
use crate::plan::{Plan, Route};
use crate::watch::{Watch, Watching};

/// A message that is to be decided.
pub struct Undecided {
    /// Its row, made or to be made.
    pub id: MessageId,
    /// What was received.
    pub body: Bytes,
    /// When, microseconds UTC.
    pub received_us: i64,
    /// The first message of its line; its own id when nothing was before it.
    pub trace: MessageId,
}

/// What was decided.
pub struct Decided {
    /// For the store.
    pub decision: Decision,
    /// For the lanes, once it is on disk; the number of the message is not known before.
    pub parcels: Vec<Handover>,
    /// For the acknowledgement.
    pub outcome: Outcome,
    /// Ends when the deliveries that the acknowledgement waits for are final.
    pub watched: Option<Watching>,
}

/// A parcel and the destination it goes to.
pub type Handover = (Arc<Outbound>, Parcel);

/// What the sender may be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one destination gets it.
    Routed,
    /// A filter stopped it.
    Filtered,
    /// No destination wants it.
    Unrouted,
    /// The program, or a destination's own steps, failed; in words that quote nothing.
    Failed(String),
}

/// Decides, or says that the budget was over.
pub fn decide(
    plan: &Plan,
    (store, lease): (&Store, &Lease),
    undecided: &Undecided,
    budget: &dyn Budget,
) -> Option<Decided> {
    // A panic in a step is that message's failure and nobody else's.
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        let message = plan.channel.message(undecided.body.to_vec());
        plan.channel.program().run(message, budget).verdict
    }));
    let decided = match verdict {
        Ok(Verdict::OverBudget) => return None,
        Ok(Verdict::Route(mut outputs)) => {
            outputs
                .retain(|output| plan.routes.get(output.destination).is_some_and(Option::is_some));
            match outputs.is_empty() {
                true => plain(plan, Disposition::Unrouted, None, Outcome::Unrouted),
                false => route(plan, (store, lease), undecided, outputs),
            }
        }
        Ok(Verdict::Filtered { step }) => {
            let reason = Reason { code: "filter".to_owned(), step: Some(step.number) };
            plain(plan, Disposition::Filtered, Some(reason), Outcome::Filtered)
        }
        Ok(Verdict::Unrouted) => plain(plan, Disposition::Unrouted, None, Outcome::Unrouted),
        Ok(Verdict::Failed(failure)) => failed(plan, failure),
        Err(_) => faulty(plan, "panic", "a step of the channel broke off"),
    };
    Some(decided)
}

/// A message that failed for a reason that is not in its program.
pub fn faulty(plan: &Plan, code: &str, words: &str) -> Decided {
    let reason = Reason { code: code.to_owned(), step: None };
    let mut decided =
        plain(plan, Disposition::Failed, Some(reason), Outcome::Failed(words.to_owned()));
    decided.decision.error = Some(Phi::new(words.to_owned()));
    decided.decision.signature = Some(format!("{code}: {words}"));
    decided
}

/// A decision without deliveries.
pub fn plain(
    plan: &Plan,
    disposition: Disposition,
    reason: Option<Reason>,
    outcome: Outcome,
) -> Decided {
    let decision = Decision {
        revision: plan.revision,
        disposition,
        reason,
        error: None,
        signature: None,
        deliveries: Vec::new(),
    };
    Decided { decision, parcels: Vec::new(), outcome, watched: None }
}

fn failed(plan: &Plan, failure: Failure) -> Decided {
    let reason = Reason {
        code: failure.code.to_owned(),
        step: failure.step.as_ref().map(|step| step.number),
    };
    let mut decided = plain(plan, Disposition::Failed, Some(reason), Outcome::Failed(failure.told));
    decided.decision.error = Some(failure.text);
    decided.decision.signature = Some(failure.signature);
    decided
}

fn route(
    plan: &Plan,
    (store, lease): (&Store, &Lease),
    undecided: &Undecided,
    outputs: Vec<Output>,
) -> Decided {
    let failures = outputs.iter().filter(|output| output.failure.is_some()).count();
    if failures > 0 && plan.channel.queues_nothing_on_failure() {
        // `ack = "on-accept"`: the sender hears AE and sends again, so nothing may go out now.
        return match outputs.into_iter().find_map(|output| output.failure) {
            Some(failure) => failed(plan, failure),
            None => faulty(plan, "internal", "a failure was lost"),
        };
    }
    let all_dead = failures == outputs.len();
    let mut told = None;
    let mut deliveries = Vec::with_capacity(outputs.len());
    let mut parcels: Vec<Handover> = Vec::with_capacity(outputs.len());
    for output in outputs {
        let Some(Some(route)) = plan.routes.get(output.destination) else { continue };
        let id = DeliveryId::new();
        let keys = lane_keys(route, (store, lease), id, &output.order_keys);
        let part = output.part;
        let body = match output.body {
            Body::AsReceived => DeliveryBody::Same,
            Body::Made(bytes) => DeliveryBody::Own(Bytes::from(bytes)),
        };
        if output.failure.is_none() {
            let bytes = match &body {
                DeliveryBody::Same => undecided.body.clone(),
                DeliveryBody::Own(bytes) => bytes.clone(),
            };
            let parcel = parcel(undecided, (id, part), keys.clone().into(), bytes);
            parcels.push((Arc::clone(&route.outbound), parcel));
        }
        told = told.or_else(|| output.failure.as_ref().map(|failure| failure.told.clone()));
        let dead = output.failure.map(dead_on_arrival);
        deliveries.push(NewDelivery { id, destination: route.outbound.id, part, body, keys, dead });
    }
    let watched = if failures > 0 { None } else { watch(plan, &parcels) };
    let disposition = if all_dead { Disposition::Failed } else { Disposition::Received };
    let outcome = told.map_or(Outcome::Routed, Outcome::Failed);
    let mut decided = plain(plan, disposition, None, outcome);
    decided.decision.deliveries = deliveries;
    Decided { parcels, watched, ..decided }
}

/// Watches the deliveries that the acknowledgement waits for.
fn watch(plan: &Plan, parcels: &[Handover]) -> Option<Watching> {
    let waits_for = plan.channel.waits_for()?;
    let chosen: Vec<&Handover> = parcels
        .iter()
        .filter(|(outbound, _)| waits_for.is_empty() || waits_for.contains(&outbound.name))
        .collect();
    if chosen.is_empty() {
        return None;
    }
    let (watch, watching) = Watch::over(chosen.len());
    chosen.iter().for_each(|(outbound, parcel)| outbound.watch(parcel.delivery, watch.clone()));
    Some(watching)
}

pub(crate) fn parcel(
    undecided: &Undecided,
    (delivery, part): (DeliveryId, u32),
    keys: Arc<[store::LaneKey]>,
    body: Bytes,
) -> Parcel {
    Parcel {
        delivery,
        message: undecided.id,
        position: Position { seq: 0, part },
        keys,
        body,
        received_us: undecided.received_us,
        trace: undecided.trace,
        tries: 0,
        answered_tries: 0,
        first_answered_us: None,
    }
}

/// The lanes of a delivery: one for each value of `order_by`, the lane `none` when there is no value, the destination's only lane
/// without `order_by`, and one of its own with `order = "none"`.
pub(crate) fn lane_keys(
    route: &Route,
    (store, lease): (&Store, &Lease),
    delivery: DeliveryId,
    values: &[Vec<u8>],
) -> Vec<store::LaneKey> {
    let token =
        |value: &[u8]| keys::tagged(route.scheme, store.lane_key(lease, route.outbound.id, value));
    if route.unordered {
        return vec![keys::tagged(route.scheme, store::LaneKey(*delivery.as_bytes()))];
    }
    if values.is_empty() {
        return vec![route.lane_none];
    }
    let mut keys: Vec<store::LaneKey> = values.iter().map(|value| token(value)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn dead_on_arrival(failure: Failure) -> DeadOnArrival {
    DeadOnArrival {
        reason: Reason {
            code: failure.code.to_owned(),
            step: failure.step.map(|step| step.number),
        },
        error: Some(failure.text),
        signature: Some(failure.signature),
    }
}
