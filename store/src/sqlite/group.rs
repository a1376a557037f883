//! Writes a group.

use sqlx::sqlite::SqliteArguments;

use super::bind::Binds;
use super::texts::{
    ATTEMPT_COLUMNS, BODY_COLUMNS, COUNTER_COLUMNS, DELIVERY_COLUMNS, DUPLICATE_COLUMNS,
    MESSAGE_COLUMNS, MOVE_COLUMNS, Shape, size,
};
use crate::error::StoreError;
use crate::group::{DeliveryRow, Group, MessageBody, MessageRow, Of, SettleRow, hour_of};

pub(super) fn shape(group: &Group, whole: bool) -> Shape {
    Shape {
        messages: size(group.messages.len()),
        bodies: size(group.bodies().count()),
        duplicates: size(
            group.messages.iter().filter(|message| message.duplicate.is_some()).count(),
        ),
        deliveries: size(group.deliveries().count()),
        settles: size(group.settles.len()),
        counters: size(group.counts.len()),
        whole,
        replace: group.duplicates_known,
    }
}

impl Shape {
    pub(super) fn is_empty(&self) -> bool {
        self.messages
            + self.bodies
            + self.duplicates
            + self.deliveries
            + self.settles
            + self.counters
            == 0
    }

    fn binds(&self) -> usize {
        self.messages * MESSAGE_COLUMNS
            + self.bodies * BODY_COLUMNS
            + self.duplicates * DUPLICATE_COLUMNS
            + self.deliveries * DELIVERY_COLUMNS
            + self.settles * (MOVE_COLUMNS + ATTEMPT_COLUMNS + 5)
            + self.counters * COUNTER_COLUMNS
            + 4
    }
}

/// The binds of a group, in the order of its text.
pub(super) fn binds(group: &Group, shape: &Shape) -> Result<SqliteArguments, StoreError> {
    let mut binds = Binds::with_room(shape.binds());
    for message in &group.messages {
        bind_message(&mut binds, message, group.now_us);
    }
    binds.nulls((shape.messages - group.messages.len()) * MESSAGE_COLUMNS);
    let mut rows = 0;
    for message in &group.messages {
        if let Some(token) = message.duplicate {
            binds.add(token);
            binds.add(&message.id.as_bytes()[..]);
            rows += 1;
        }
    }
    binds.nulls((shape.duplicates - rows) * DUPLICATE_COLUMNS);
    rows = 0;
    for (id, blob) in group.bodies() {
        binds.add(&id.as_bytes()[..]);
        binds.add(blob);
        rows += 1;
    }
    binds.nulls((shape.bodies - rows) * BODY_COLUMNS);
    rows = 0;
    for (of, delivery) in group.deliveries() {
        bind_delivery(&mut binds, of, delivery);
        rows += 1;
    }
    binds.nulls((shape.deliveries - rows) * DELIVERY_COLUMNS);
    if shape.settles > 0 {
        bind_settles(&mut binds, group, shape.settles);
    }
    rows = 0;
    for (counter, n) in group.counts.iter() {
        binds.add(hour_of(group.now_us));
        binds.add(counter.channel);
        binds.add(counter.destination);
        binds.add(counter.what.code());
        binds.add(n);
        rows += 1;
    }
    binds.nulls((shape.counters - rows) * COUNTER_COLUMNS);
    binds.finish()
}

fn bind_message(binds: &mut Binds, row: &MessageRow, now_us: i64) {
    binds.add(&row.id.as_bytes()[..]);
    binds.add(row.channel);
    binds.add(row.seq);
    binds.add(row.received_us);
    binds.add(row.origin);
    binds.add(row.parent.as_ref().map(|id| &id.as_bytes()[..]));
    binds.add(row.trace.as_ref().map(|id| &id.as_bytes()[..]));
    for text in [&row.peer, &row.application, &row.facility, &row.kind, &row.version, &row.charset]
    {
        binds.add(text.as_str());
    }
    binds.add(&row.control_id[..]);
    binds.add(&row.control_token[..]);
    binds.add(&row.digest[..]);
    binds.add(row.duplicate);
    binds.add(row.bytes);
    binds.add(match &row.body {
        MessageBody::Own(_) => None,
        MessageBody::Of(id) => Some(&id.as_bytes()[..]),
    });
    binds.add(row.lone_lf);
    binds.add(row.ack_code.as_str());
    binds.add(row.outcome.disposition);
    // Filled in again when the message is final; a time from the start, so that the row keeps its size.
    binds.add(now_us);
    binds.add(row.tries);
    binds.add(row.outcome.revision);
    binds.add(row.outcome.reason_code.as_deref());
    binds.add(row.outcome.reason_step);
    binds.add(row.outcome.signature.as_ref().map(|token| &token[..]));
    binds.add(row.outcome.error.as_deref());
    binds.nulls(1);
    binds.add(row.batch.as_deref());
}

fn bind_delivery(binds: &mut Binds, of: Of, row: &DeliveryRow) {
    binds.add(&of.message.as_bytes()[..]);
    binds.add(&row.id.as_bytes()[..]);
    binds.add(of.channel);
    binds.add(row.destination);
    binds.add(of.seq);
    binds.add(row.part);
    binds.add(i64::from(row.own_body.is_some()));
    binds.add(&row.lane[..]);
    binds.add(row.state);
    binds.add(of.received_us);
    binds.add(of.received_us);
    // No try begins before 1970, so the first one is news whatever its time.
    binds.add(-of.received_us.abs().max(1));
    binds.add(0_i64);
    binds.add(0_i64);
    binds.nulls(1);
    binds.add(row.reason_code.as_deref());
    binds.add(row.reason_step);
    binds.add(row.signature.as_ref().map(|token| &token[..]));
    binds.add(row.error.as_deref());
    binds.nulls(1);
}

fn bind_settles(binds: &mut Binds, group: &Group, size: usize) {
    let rows = &group.settles;
    let padding = size - rows.len();
    for row in rows {
        bind_move(binds, row);
    }
    binds.nulls(padding * MOVE_COLUMNS);
    binds.add(i64::try_from(rows.len()).unwrap_or(i64::MAX));
    for row in rows {
        bind_attempt(binds, row);
    }
    binds.nulls(padding * ATTEMPT_COLUMNS);
    let finals = |binds: &mut Binds| {
        for row in rows {
            binds.add(row.is_final().then(|| &row.message.as_bytes()[..]));
        }
        binds.nulls(padding);
    };
    binds.add(group.now_us);
    finals(binds);
    binds.add(hour_of(group.now_us));
    for row in rows {
        binds.add(&row.message.as_bytes()[..]);
        binds.add(&row.delivery.as_bytes()[..]);
        binds.add(row.state);
    }
    binds.nulls(padding * 3);
    binds.add(hour_of(group.now_us));
    finals(binds);
}

fn bind_move(binds: &mut Binds, row: &SettleRow) {
    binds.add(&row.message.as_bytes()[..]);
    binds.add(&row.delivery.as_bytes()[..]);
    binds.add(row.state);
    binds.add(row.until_us);
    binds.add(row.started_us);
    binds.add(i64::from(row.answered));
    binds.add(row.reason_code.as_deref());
    binds.add(row.started_us.saturating_add(row.duration_us));
}

fn bind_attempt(binds: &mut Binds, row: &SettleRow) {
    binds.add(&row.message.as_bytes()[..]);
    binds.add(&row.delivery.as_bytes()[..]);
    binds.add(row.started_us);
    binds.add(row.duration_us);
    binds.add(row.peer.as_str());
    binds.add(row.code.as_str());
    binds.add(i64::from(row.answered));
    binds.add(row.response.as_deref());
    binds.add(row.error.as_deref());
}
