//! Everything that happened to a message, in the order in which it happened, in words without its values.

use serde_json::{Value, json};
use store::{Child, DeliveryDetail, DeliveryState, MessageDetail, Origin};

use super::why_dead;

/// Something that happened.
struct Event {
    at_us: i64,
    what: &'static str,
    text: String,
    destination: Option<String>,
    delivery: Option<String>,
}

/// The events, the first first.
pub fn timeline(detail: &MessageDetail) -> Vec<Value> {
    let mut events = of_message(detail);
    for delivery in &detail.deliveries {
        of_delivery(delivery, &mut events);
    }
    events.extend(detail.children.iter().map(of_child));
    // What happened at one moment stays in the order in which it is told.
    events.sort_by_key(|event| event.at_us);
    events.into_iter().map(shown).collect()
}

fn shown(event: Event) -> Value {
    let Event { at_us, what, text, destination, delivery } = event;
    json!({ "at_us": at_us, "what": what, "text": text, "destination": destination, "delivery": delivery })
}

fn event(at_us: i64, what: &'static str, text: String) -> Event {
    Event { at_us, what, text, destination: None, delivery: None }
}

fn of_message(detail: &MessageDetail) -> Vec<Event> {
    let summary = &detail.summary;
    let came = match summary.origin {
        Origin::Peer => format!("received from {}", summary.peer),
        Origin::Replay => "made by a replay".to_owned(),
        Origin::Edit => "made by an edit".to_owned(),
        Origin::Channel => "handed on by another channel".to_owned(),
        Origin::Acknowledgement => "made by the engine as an acknowledgement".to_owned(),
    };
    let at_us = summary.received_us;
    let mut events = vec![event(at_us, "received", came)];
    if !summary.ack_code.is_empty() {
        let text = format!("on disk, then answered {}", summary.ack_code);
        events.push(event(at_us, "acknowledged", text));
    }
    if !detail.deliveries.is_empty() {
        let mut names: Vec<&str> =
            detail.deliveries.iter().map(|delivery| delivery.destination.as_str()).collect();
        names.dedup();
        events.push(event(at_us, "routed", format!("routed to {}", names.join(", "))));
    }
    if let Some(final_us) = summary.final_us {
        let reason = summary.reason.as_ref();
        let why = reason.map(|reason| format!(" ({})", reason.code)).unwrap_or_default();
        let word = summary.disposition.as_str().replace('_', " ");
        events.push(event(final_us, "ended", format!("{word}{why}")));
    }
    events
}

fn of_delivery(delivery: &DeliveryDetail, events: &mut Vec<Event>) {
    let name = delivery.destination.as_str();
    let part = if delivery.part > 1 { format!(" part {}", delivery.part) } else { String::new() };
    let mut tell = |at_us: i64, what: &'static str, text: String| {
        events.push(Event {
            at_us,
            what,
            text: format!("{name}{part} {text}"),
            destination: Some(name.to_owned()),
            delivery: Some(delivery.id.to_string()),
        });
    };
    for (number, attempt) in (1..).zip(&delivery.attempts) {
        let ms = attempt.duration_us / 1_000;
        let text = format!("attempt {number}: {} at {} ({ms} ms)", attempt.code, attempt.peer);
        tell(attempt.started_us, "attempt", text);
    }
    let changed_us = delivery.changed_us;
    match delivery.state {
        DeliveryState::Delivered => tell(changed_us, "delivered", "delivered".to_owned()),
        DeliveryState::Dead => {
            let why = why_dead(delivery).unwrap_or_default();
            tell(changed_us, "dead", format!("dead: {why}"));
        }
        DeliveryState::Discarded => tell(changed_us, "discarded", "discarded".to_owned()),
        DeliveryState::Held => tell(changed_us, "held", "held".to_owned()),
        DeliveryState::Waiting => tell(changed_us, "waiting", "waits for its next try".to_owned()),
        DeliveryState::Queued => {}
    }
    if let Some(id) = delivery.superseded_by {
        tell(changed_us, "superseded", format!("replayed as {id}"));
    }
}

fn of_child(child: &Child) -> Event {
    let text = match child.origin {
        Origin::Replay => format!("replayed as {}", child.id),
        Origin::Channel => format!("handed on to channel {} as {}", child.channel, child.id),
        Origin::Acknowledgement => format!("answered by {}", child.id),
        Origin::Peer | Origin::Edit => format!("made into {}", child.id),
    };
    event(child.received_us, "child", text)
}
