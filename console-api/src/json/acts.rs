//! The shapes of answers about previews, jobs, queues and dead letters.

use config::Name;
use engine::{DiscardPreview, Head, QueueView, ReplayPreview};
use serde_json::{Value, json};
use store::{DeadLetter, Disposition, Job, JobOutcome, JobState, Letter};

/// Refused items that are listed; their number says how many there are.
const REFUSED_MAX: usize = 200;

/// What a replay would do, and what it asks of whoever begins it.
pub fn replay_preview(
    preview: &ReplayPreview,
    rate: u32,
    (fresh, approval): (bool, bool),
) -> Value {
    let destinations = preview.destinations.iter();
    let destinations =
        destinations.map(|(name, count)| json!({ "name": name.as_str(), "count": count }));
    let raw = preview.raw.unwrap_or_default();
    json!({
        "count": preview.letters.len(),
        "refused_count": preview.refused.len(),
        "refused": refused(&preview.refused),
        "oldest_us": preview.arrived_us.map(|(oldest, _)| oldest),
        "newest_us": preview.arrived_us.map(|(_, newest)| newest),
        "in_order": preview.in_order,
        "rate_per_second": rate,
        "destinations": destinations.collect::<Vec<_>>(),
        "channels": preview.channels.iter().map(Name::as_str).collect::<Vec<_>>(),
        "differ": preview.raw.map(|raw| raw.differ),
        "looked": preview.raw.map(|raw| raw.looked),
        "would_not_go": raw.would_not_go,
        "needs_fresh": fresh,
        "needs_approval": approval,
        "sentence": format!("{}, {rate} a second", preview.sentence),
    })
}

/// What a discard would end.
pub fn discard_preview(preview: &DiscardPreview) -> Value {
    json!({
        "count": preview.letters.len(),
        "refused_count": preview.refused.len(),
        "refused": refused(&preview.refused),
        "oldest_us": preview.arrived_us.map(|(oldest, _)| oldest),
        "newest_us": preview.arrived_us.map(|(_, newest)| newest),
        "channels": preview.channels.iter().map(Name::as_str).collect::<Vec<_>>(),
        "sentence": preview.sentence,
    })
}

fn refused(all: &[(String, String)]) -> Vec<Value> {
    all.iter().take(REFUSED_MAX).map(|(id, why)| json!({ "id": id, "why": why })).collect()
}

/// A job and how far it is.
pub fn job(job: &Job, now_us: i64) -> Value {
    let left = (job.total - job.next).max(0);
    let eta_us = (job.state == JobState::Running)
        .then(|| now_us.saturating_add(left.saturating_mul(1_000_000) / job.rate.max(1)));
    json!({
        "id": job.id.to_string(),
        "kind": job.kind.as_str(),
        "state": job.state.as_str(),
        "mode": if job.as_sent { "as_sent" } else { "raw" },
        "channels": job.channels.iter().map(Name::as_str).collect::<Vec<_>>(),
        "destinations": job.destinations.iter().map(Name::as_str).collect::<Vec<_>>(),
        "total": job.total,
        "done": job.done,
        "refused": job.refused,
        "rate_per_second": job.rate,
        "by": job.actor.name.as_ref().unwrap_or(&job.actor.id),
        "reason": job.reason,
        "begun_us": job.begun_us,
        "ended_us": job.ended_us,
        "eta_us": eta_us,
        "error": job.error,
    })
}

/// What became of one item of a job.
pub fn outcome(one: &JobOutcome) -> Value {
    let message = one.message.as_ref();
    json!({
        "n": one.n,
        "id": one.letter.to_string(),
        "message": message.map(|(id, _)| id.to_string()),
        "disposition": message.and_then(|(_, now)| *now).map(Disposition::as_str),
        "refused": one.refused,
    })
}

/// What waits at a destination; never the value that its order goes by.
pub fn queue(view: &QueueView) -> Value {
    let live = &view.live;
    let last_error = live.last_error.map(|(code, at_us)| json!({ "code": code, "at_us": at_us }));
    json!({
        "heads": view.heads.iter().map(head).collect::<Vec<_>>(),
        "lanes": view.lanes,
        "blocked": view.blocked,
        "sending": live.sending,
        "in_doubt": live.in_doubt,
        "count": view.waiting,
        "mark": view.mark,
        "held": view.held,
        "circuit": if live.down_since_us.is_some() { "open" } else { "closed" },
        "down_since_us": live.down_since_us,
        "next_try_us": live.next_try_us,
        "last_delivered_us": live.last_delivered_us,
        "last_error": last_error,
    })
}

fn head(head: &Head) -> Value {
    json!({
        "delivery": head.delivery.to_string(),
        "message": head.message.to_string(),
        "lane": head.lane,
        "lane_length": head.lane_length,
        "state": head.state,
        "tries": head.tries,
        "next_us": head.next_us,
        "code": head.code,
        "since_us": head.since_us,
    })
}

/// A dead letter of a group's list.
pub fn dead_letter(one: &DeadLetter) -> Value {
    let (id, delivery) = match one.letter {
        Letter::Delivery(id) => (id.to_string(), true),
        Letter::Message(id) => (id.to_string(), false),
    };
    json!({
        "id": id,
        "delivery": delivery.then_some(&id),
        "message": one.message.to_string(),
        "control_id": one.control_id.as_ref().map(|id| id.expose_phi().clone()),
        "type": one.kind,
        "received_us": one.received_us,
        "died_us": one.died_us,
        "tries": one.tries,
    })
}
