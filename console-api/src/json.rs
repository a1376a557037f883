//! The shapes of answers. A value without permission is null and marked as masked.

pub mod acts;
mod audit;
mod registry;

use channel::{Change, Did, Note};
use config::Name;
use engine::{
    CertificateStatus, ChannelChange, ChannelStatus, Comparison, DestinationStatus, Discarded,
    Replayed, Status, Trace, Trial,
};
use serde_json::{Map, Value, json};
use store::{
    AttemptDetail, ChannelDay, Child, Counted, DeadGroup, DeliveryDetail, Letter, MessageDetail,
    MessageSummary, Messages, Reason, Recent, Revision, RevisionSummary, SealedText, What,
};

pub use audit::{audit_report, audit_standing};
pub use registry::{certificate, digits, made, peer, present, rotation};

pub fn status(status: &Status) -> Value {
    let now_us = status.now_us;
    let channels: Vec<Value> = status.channels.iter().map(|one| channel(one, now_us)).collect();
    json!({
        "environment": status.environment,
        "profile": status.profile,
        "node": status.node,
        "version": env!("CARGO_PKG_VERSION"),
        "store": status.store,
        "started_us": status.started_us,
        "now_us": now_us,
        "disk": { "free": status.disk.free, "reserve": status.disk.reserve, "low": status.disk.is_low() },
        "warnings": status.warnings,
        "peers": status.present.iter().map(|one| present(one, now_us)).collect::<Vec<_>>(),
        "certificates": status.certificates.iter().map(in_use).collect::<Vec<_>>(),
        "channels": channels,
    })
}

/// A certificate in use; `channel` is null when it is the admin API's.
pub fn in_use(one: &CertificateStatus) -> Value {
    json!({
        "channel": one.channel.as_ref().map(Name::as_str),
        "destination": one.destination.as_ref().map(Name::as_str),
        "what": one.facts.role.name(),
        "subject": one.facts.subject,
        "until_us": one.facts.not_after_us,
        "days": one.days,
    })
}

/// The steps to a destination, and what it answered.
pub fn trial(trial: Trial) -> Value {
    let ok = trial.is_ok();
    let steps = trial.steps.iter().map(|step| {
        let ms = step.took.as_secs_f64() * 1e3;
        json!({ "step": step.name, "ok": step.ok, "ms": ms, "text": step.text, "detail": step.detail })
    });
    let steps: Vec<Value> = steps.collect();
    let answer =
        trial.answer.map(|answer| String::from_utf8_lossy(&answer.into_phi()).into_owned());
    json!({ "ok": ok, "steps": steps, "answer": answer })
}

fn channel(status: &ChannelStatus, now_us: i64) -> Value {
    let dispositions: Map<String, Value> =
        status.dispositions.iter().map(|(d, n)| (d.as_str().to_owned(), json!(n))).collect();
    let origins: Map<String, Value> =
        status.received.iter().map(|(o, n)| ((*o).to_owned(), json!(n))).collect();
    let destinations: Vec<Value> =
        status.destinations.iter().map(|one| destination(one, now_us)).collect();
    json!({
        "name": status.name.as_str(),
        "state": status.state,
        "stopped": status.stopped.as_ref().map(|one| json!({ "since_us": one.since_us, "by": one.by, "reason": one.reason })),
        "source": status.source,
        "revision": status.revision,
        "received": status.received_in_all(),
        "origins": origins,
        "duplicates": status.duplicates,
        "undecided": status.undecided,
        "table_misses": status.misses.iter().map(|(name, count)| (name.to_string(), json!(count))).collect::<Map<_, _>>(),
        "dispositions": dispositions,
        "peers": status.peers,
        "refused_connections": status.refused,
        "refusals": status.refusals.iter().map(|(reason, n)| ((*reason).to_owned(), json!(n))).collect::<Map<_, _>>(),
        "junk_bytes": status.junk_bytes,
        "peer_mismatches": status.peer_mismatches,
        "last_in_us": status.last_in_us,
        "rate_in_per_minute": rate(status.recent.as_ref()),
        "ack_p50_ms": ms(status.recent.and_then(|recent| recent.p50_us)),
        "ack_p95_ms": ms(status.recent.and_then(|recent| recent.p95_us)),
        "destinations": destinations,
    })
}

fn destination(status: &DestinationStatus, now_us: i64) -> Value {
    let live = status.live.as_ref();
    let last_error = live
        .and_then(|live| live.last_error)
        .map(|(code, at_us)| json!({ "code": code, "at_us": at_us }));
    json!({
        "name": status.name.as_str(),
        "state": status.state,
        "to": status.to,
        "ordered": !status.unordered,
        "queued": status.queued,
        "waiting": status.waiting,
        "held": status.held,
        "delivered": status.delivered,
        "dead": status.dead,
        "oldest_age_ms": status.oldest_us.map(|us| (now_us - us).max(0) / 1_000),
        "sending": live.map(|live| live.sending),
        "in_doubt": live.map(|live| live.in_doubt),
        "down_since_us": live.and_then(|live| live.down_since_us),
        "next_try_us": live.and_then(|live| live.next_try_us),
        "last_delivered_us": live.and_then(|live| live.last_delivered_us),
        "last_error": last_error,
        "rate_out_per_minute": rate(status.recent.as_ref()),
        "latency_p50_ms": ms(status.recent.and_then(|recent| recent.p50_us)),
        "latency_p95_ms": ms(status.recent.and_then(|recent| recent.p95_us)),
    })
}

/// A rate in tenths; null when nothing came in five minutes.
fn rate(recent: Option<&Recent>) -> Option<f64> {
    let recent = recent.filter(|recent| recent.count > 0)?;
    Some((recent.per_minute * 10.0).round() / 10.0)
}

fn ms(us: Option<u64>) -> Option<f64> {
    us.map(|us| us as f64 / 1e3)
}

/// The last 24 hours.
pub fn day(days: &[ChannelDay]) -> Value {
    let dispositions = |counts: &Counted| {
        let finals = [
            What::Delivered,
            What::PartlyDelivered,
            What::Failed,
            What::Filtered,
            What::Unrouted,
            What::Rejected,
            What::Discarded,
        ];
        let one = |what: What| (what.as_str().to_owned(), json!(counts.get(&what).unwrap_or(&0)));
        finals.into_iter().map(one).collect::<Map<_, _>>()
    };
    let channel = |day: &ChannelDay| {
        let destinations = day.destinations.iter().map(|(name, counts)| {
            let of = |what| counts.get(&what).unwrap_or(&0);
            json!({
                "name": name.as_str(),
                "delivered_day": of(What::DeliveriesDelivered),
                "dead_day": of(What::DeliveriesDead),
            })
        });
        json!({
            "name": day.channel.as_str(),
            "dispositions": dispositions(&day.counts),
            "hours": day.hours,
            "destinations": destinations.collect::<Vec<_>>(),
        })
    };
    json!({ "channels": days.iter().map(channel).collect::<Vec<_>>() })
}

/// One destination out of a status.
pub fn destination_of(status: &Status, channel: &Name, name: &Name) -> Option<Value> {
    let channel = status.channels.iter().find(|one| one.name == *channel)?;
    let found = channel.destinations.iter().find(|one| one.name == *name)?;
    Some(destination(found, status.now_us))
}

pub fn channels(status: &Status) -> Vec<Value> {
    let one = |channel: &ChannelStatus| {
        let destinations: Vec<Value> = channel
            .destinations
            .iter()
            .map(|d| json!({ "name": d.name.as_str(), "to": d.to, "state": d.state }))
            .collect();
        json!({
            "name": channel.name.as_str(),
            "state": channel.state,
            "source": channel.source,
            "revision": channel.revision,
            "destinations": destinations,
        })
    };
    status.channels.iter().map(one).collect()
}

pub fn page(page: &Messages) -> Value {
    json!({
        "messages": page.rows.iter().map(row).collect::<Vec<_>>(),
        "next": page.next.map(|cursor| cursor.to_string()),
    })
}

fn row(row: &MessageSummary) -> Value {
    json!({
        "id": row.id.to_string(),
        "channel": row.channel.as_str(),
        "seq": row.seq,
        "received_us": row.received_us,
        "type": row.kind,
        "control_id": row.control_id.as_ref().map(|id| id.expose_phi().clone()),
        "application": row.application,
        "facility": row.facility,
        "origin": row.origin.as_str(),
        "disposition": row.disposition.as_str(),
        "reason": reason(row.reason.as_ref()),
        "bytes": row.bytes,
    })
}

fn reason(reason: Option<&Reason>) -> Option<String> {
    reason.map(|reason| match reason.step {
        Some(step) => format!("{} at step {step}", reason.code),
        None => reason.code.clone(),
    })
}

/// A sealed text: what it says, null when there is none or it may not be seen, a mark when it does not open.
fn sealed(text: &SealedText, allowed: bool) -> Value {
    match text {
        _ if !allowed => Value::Null,
        Ok(Some(text)) => json!(text.expose_phi()),
        Ok(None) => Value::Null,
        Err(_) => json!("(unreadable)"),
    }
}

pub fn detail(detail: &MessageDetail, revision: Option<&Revision>, errors: bool) -> Value {
    let summary = &detail.summary;
    let hash = revision.map(|revision| {
        revision.summary.hash.iter().map(|b| format!("{b:02x}")).collect::<String>()
    });
    let mut out = row(summary);
    let more = json!({
        "error": sealed(&detail.error, errors),
        "errors_masked": !errors,
        "revision": hash,
        "peer": summary.peer,
        "version": summary.version,
        "charset": summary.charset,
        "ack_code": summary.ack_code,
        "tries": summary.tries,
        "lone_lf": summary.lone_lf,
        "batch": detail.batch,
        "final_us": summary.final_us,
        "parent": summary.parent.map(|id| id.to_string()),
        "trace": summary.trace.to_string(),
        "superseded_by": summary.superseded_by.map(|id| id.to_string()),
        "children": detail.children.iter().map(child).collect::<Vec<_>>(),
        "acknowledges": detail.acknowledges.map(|id| id.to_string()),
        "deliveries": detail.deliveries.iter().map(|d| delivery(d, errors)).collect::<Vec<_>>(),
    });
    if let (Value::Object(out), Value::Object(more)) = (&mut out, more) {
        out.extend(more);
    }
    out
}

fn child(child: &Child) -> Value {
    json!({
        "id": child.id.to_string(),
        "origin": child.origin.as_str(),
        "channel": child.channel.as_str(),
        "received_us": child.received_us,
        "disposition": child.disposition.as_str(),
    })
}

fn delivery(delivery: &DeliveryDetail, errors: bool) -> Value {
    let attempts =
        delivery.attempts.iter().zip(1..).map(|(one, number)| attempt(one, number, errors));
    json!({
        "id": delivery.id.to_string(),
        "destination": delivery.destination.as_str(),
        "part": delivery.part,
        "state": delivery.state.as_str(),
        "reason": reason(delivery.reason.as_ref()),
        "error": sealed(&delivery.error, errors),
        "next_us": delivery.next_us,
        "tries": delivery.tries,
        "superseded_by": delivery.superseded_by.map(|id| id.to_string()),
        "ack": delivery.ack.map(|id| id.to_string()),
        "attempts": attempts.collect::<Vec<_>>(),
    })
}

fn attempt(attempt: &AttemptDetail, number: u32, errors: bool) -> Value {
    json!({
        "number": number,
        "started_us": attempt.started_us,
        "duration_us": attempt.duration_us,
        "peer": attempt.peer,
        "code": attempt.code,
        "answered": attempt.answered,
        "has_response": attempt.has_response,
        "error": sealed(&attempt.error, errors),
    })
}

/// A body as text in its own charset, with its bytes in hexadecimal when the text is not all there is to it.
pub fn body(bytes: &[u8]) -> Value {
    let charset = hl7::peek(bytes).map(|peek| peek.charset()).ok();
    match charset.map(|charset| (charset, charset.decode(bytes))) {
        Some((charset, Ok(text))) => {
            json!({ "text": text, "charset": charset.name(), "bytes": bytes.len() })
        }
        Some((_, Err(_))) | None => json!({
            "text": String::from_utf8_lossy(bytes),
            "charset": null,
            "bytes": bytes.len(),
            "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        }),
    }
}

pub fn trace(trace: &Trace) -> Value {
    json!({ "steps": trace.notes.iter().map(step_note).collect::<Vec<_>>(), "verdict": trace.verdict })
}

/// What one step did, values included.
pub fn step_note(note: &Note) -> Value {
    let operands: Vec<Value> = note
        .operands
        .iter()
        .map(|operand| json!({ "path": operand.path, "value": operand.value.expose_phi() }))
        .collect();
    json!({
        "part": note.part.to_string(),
        "number": note.number,
        "step": note.step.as_ref().map(|step| step.number),
        "line": note.step.as_ref().map(|step| step.line),
        "verb": note.verb,
        "depth": note.depth,
        "did": did(note.did),
        "operands": operands,
        "changes": note.changes.iter().map(change_of).collect::<Vec<_>>(),
        "said": note.said.iter().map(|said| said.expose_phi()).collect::<Vec<_>>(),
    })
}

fn change_of(change: &Change) -> Value {
    json!({ "path": change.path, "before": change.before.expose_phi(), "after": change.after.expose_phi() })
}

fn did(did: Did) -> &'static str {
    match did {
        Did::NotAsked => "was not asked",
        Did::Ran => "ran",
        Did::Stopped => "stopped it here",
        Did::Failed => "failed",
        Did::OutOfTime => "ran out of time",
    }
}

pub fn dead_group(group: &DeadGroup) -> Value {
    let sample = match group.sample {
        Letter::Delivery(id) => id.to_string(),
        Letter::Message(id) => id.to_string(),
    };
    json!({
        "channel": group.key.channel.as_str(),
        "destination": group.key.destination.as_ref().map(Name::as_str),
        "error": engine::group_name(group),
        "code": group.key.code,
        "sentence": engine::sentence_of_code(&group.key.code),
        "step": group.step,
        "count": group.count,
        "first_us": group.first_us,
        "last_us": group.last_us,
        "sample": sample,
    })
}

fn refused<T: AsRef<str>>(refused: &[(String, T)]) -> Vec<Value> {
    refused.iter().map(|(id, why)| json!({ "id": id, "why": why.as_ref() })).collect()
}

pub fn replayed(done: &Replayed) -> Value {
    json!({
        "count": done.count,
        "messages": done.messages.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "repeated": done.repeated,
        "refused": refused(&done.refused),
    })
}

pub fn discarded(done: &Discarded) -> Value {
    json!({ "count": done.count, "refused": refused(&done.refused) })
}

pub fn comparison(found: &Comparison) -> Value {
    let fates = found
        .fates
        .iter()
        .map(|(was, is, count)| json!({ "was": was, "is": is, "messages": count }));
    let fields = found.fields.iter().map(
        |(destination, path, count)| json!({ "destination": destination, "path": path, "messages": count }),
    );
    json!({
        "looked": found.looked,
        "unreadable": found.unreadable,
        "differ": found.differ,
        "dispositions": fates.collect::<Vec<_>>(),
        "fields": fields.collect::<Vec<_>>(),
    })
}

pub fn revision(revision: &RevisionSummary) -> Value {
    json!({
        "id": revision.id.number(),
        "hash": revision.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "author": revision.author,
        "reason": revision.reason,
        "engine_version": revision.engine_version,
        "created_us": revision.created_us,
    })
}

pub fn change(change: &ChannelChange) -> Value {
    json!({
        "name": change.name.as_str(),
        "change": change.change.as_str(),
        "parts": change.parts,
        "revision": change.revision,
    })
}
