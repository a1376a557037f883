//! Writes a group: one statement, so one round trip and one commit.

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use super::fault;
use crate::error::StoreError;
use crate::group::{Group, MessageBody, hour_of};

/// The text of a group.
///
/// `state + 0` keeps the update of deliveries to their key: by `state` alone it may go through the index of all open deliveries, which
/// takes the longer the more of them wait.
pub(super) const GROUP: &str = concat!(
    "with fence as materialized (",
    "  select o.channel from channel_owner o join unnest($1::bigint[], $2::bigint[]) as f (channel, epoch)",
    "  on f.channel = o.channel and f.epoch = o.epoch for share of o",
    "), m as (",
    "  insert into messages (id, channel, seq, received_us, origin, parent, trace, peer, application, facility, kind, version, charset,",
    "  control_id, control_token, digest, duplicate, bytes, body, lone_lf, ack_code, disposition, final_us, tries, revision, reason_code,",
    "  reason_step, signature, error, batch)",
    "  select * from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[], $9::uuid[], $10::text[],",
    "  $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bytea[], $18::bytea[], $19::bigint[],",
    "  $20::bigint[], $21::uuid[], $22::bigint[], $23::text[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::text[],",
    "  $29::bigint[], $30::bytea[], $31::bytea[], $32::text[])",
    "), t as (",
    "  insert into dups (token, message) select * from unnest($69::bigint[], $70::uuid[])",
    "), b as (",
    "  insert into bodies (id, blob) select * from unnest($33::uuid[], $34::bytea[])",
    "), d as (",
    "  insert into deliveries (message, id, channel, destination, seq, part, own_body, lane, state, changed_us, next_us, tried_us, tries,",
    "  answered_tries, reason_code, reason_step, signature, error)",
    "  select message, id, channel, destination, seq, part, own_body, lane, state, received_us, received_us,",
    "  - greatest(abs(received_us), 1), 0, 0, reason_code, reason_step, signature, error",
    "  from unnest($35::uuid[], $36::uuid[], $37::bigint[], $38::bigint[], $39::bigint[], $40::bigint[], $41::bigint[], $42::bytea[],",
    "  $43::bigint[], $44::bigint[], $45::text[], $46::bigint[], $47::bytea[], $48::bytea[])",
    "  as x (message, id, channel, destination, seq, part, own_body, lane, state, received_us, reason_code, reason_step, signature, error)",
    "), s as materialized (",
    "  select * from unnest($49::uuid[], $50::uuid[], $51::bigint[], $52::bigint[], $53::text[], $54::bigint[], $55::bigint[], $56::text[],",
    "  $57::text[], $58::bigint[], $59::bytea[], $60::bytea[])",
    "  as x (message, delivery, state, until_us, reason_code, started_us, duration_us, peer, code, answered, response, error)",
    "), moved as (",
    "  update deliveries set state = case when deliveries.state = 12 and s.state = 11 then 12 else s.state end,",
    "  changed_us = s.started_us + s.duration_us, next_us = s.until_us, tried_us = s.started_us, tries = tries + 1,",
    "  answered_tries = answered_tries + s.answered,",
    "  first_answered_us = case when s.answered = 1 and s.state = 11 then coalesce(first_answered_us, s.started_us)",
    "  else first_answered_us end, reason_code = s.reason_code",
    "  from s where deliveries.message = s.message and deliveries.id = s.delivery and deliveries.state + 0 < 20",
    "  and deliveries.tried_us <> s.started_us",
    "  returning 1",
    "), a as (",
    "  insert into attempts (message, delivery, started_us, duration_us, peer, code, answered, response, error)",
    "  select message, delivery, started_us, duration_us, peer, code, answered, response, error from s",
    "  on conflict do nothing",
    "), e as (",
    "  update messages set disposition = x.disposition, final_us = $61",
    "  from unnest($62::uuid[], $63::bigint[]) as x (id, disposition) where messages.id = x.id and messages.disposition = 10",
    "  returning 1",
    "), c as (",
    "  insert into counters (hour, channel, destination, what, n)",
    "  select $64, x.* from unnest($65::bigint[], $66::bigint[], $67::bigint[], $68::bigint[]) as x (channel, destination, what, n)",
    "  on conflict (hour, channel, destination, what) do update set n = counters.n + excluded.n",
    ") select expect((select count(*) from fence) = cardinality($1::bigint[]), 'HF001'),",
    " expect((select count(*) from moved) = cardinality($49::uuid[]), 'HU001'),",
    " expect((select count(*) from e) = cardinality($62::uuid[]), 'HU001')"
);

const _: () = assert!(
    matches!(fault::FENCED.as_bytes(), b"HF001")
        && matches!(fault::UNEXPECTED.as_bytes(), b"HU001")
);

/// Arrays on their way into one statement.
#[derive(Default)]
struct Arrays {
    arguments: PgArguments,
    refused: bool,
}

impl Arrays {
    fn add<'t, T>(&mut self, value: T)
    where
        T: sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.refused |= self.arguments.add(value).is_err();
    }

    fn column<'t, R, T>(&mut self, rows: &[R], value: impl Fn(&R) -> T)
    where
        Vec<T>: sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.add(rows.iter().map(value).collect::<Vec<T>>());
    }
}

pub(super) fn arguments(group: &Group) -> Result<PgArguments, StoreError> {
    let mut arrays = Arrays::default();
    arrays.column(&group.fences, |(channel, _)| *channel);
    arrays.column(&group.fences, |(_, epoch)| *epoch);
    add_messages(&mut arrays, group);
    let bodies: Vec<(Uuid, &[u8])> = group.bodies().collect();
    arrays.column(&bodies, |(id, _)| *id);
    arrays.column(&bodies, |(_, blob)| blob.to_vec());
    add_deliveries(&mut arrays, group);
    add_settles(&mut arrays, group);
    arrays.add(group.now_us);
    arrays.column(&group.ends, |row| row.message);
    arrays.column(&group.ends, |row| row.disposition);
    arrays.add(hour_of(group.now_us));
    let counts: Vec<_> = group.counts.iter().collect();
    arrays.column(&counts, |(counter, _)| counter.channel);
    arrays.column(&counts, |(counter, _)| counter.destination);
    arrays.column(&counts, |(counter, _)| counter.what.code());
    arrays.column(&counts, |(_, n)| *n);
    let tokens = group.tokens();
    arrays.column(&tokens, |(token, _)| *token);
    arrays.column(&tokens, |(_, message)| *message);
    if arrays.refused {
        return Err(StoreError::Internal("a value could not be bound".to_owned()));
    }
    Ok(arrays.arguments)
}

fn add_messages(arrays: &mut Arrays, group: &Group) {
    let rows = &group.messages;
    arrays.column(rows, |row| row.id);
    arrays.column(rows, |row| row.channel);
    arrays.column(rows, |row| row.seq);
    arrays.column(rows, |row| row.received_us);
    arrays.column(rows, |row| row.origin);
    arrays.column(rows, |row| row.parent);
    arrays.column(rows, |row| row.trace);
    arrays.column(rows, |row| row.peer.clone());
    arrays.column(rows, |row| row.application.clone());
    arrays.column(rows, |row| row.facility.clone());
    arrays.column(rows, |row| row.kind.clone());
    arrays.column(rows, |row| row.version.clone());
    arrays.column(rows, |row| row.charset.clone());
    arrays.column(rows, |row| row.control_id.clone());
    arrays.column(rows, |row| row.control_token.to_vec());
    arrays.column(rows, |row| row.digest.to_vec());
    arrays.column(rows, |row| row.duplicate);
    arrays.column(rows, |row| row.bytes);
    arrays.column(rows, |row| match &row.body {
        MessageBody::Own(_) => None,
        MessageBody::Of(id) => Some(*id),
    });
    arrays.column(rows, |row| row.lone_lf);
    arrays.column(rows, |row| row.ack_code.clone());
    arrays.column(rows, |row| row.outcome.disposition);
    arrays.column(rows, |_| group.now_us);
    arrays.column(rows, |row| row.tries);
    arrays.column(rows, |row| row.outcome.revision);
    arrays.column(rows, |row| row.outcome.reason_code.clone());
    arrays.column(rows, |row| row.outcome.reason_step);
    arrays.column(rows, |row| row.outcome.signature.map(|token| token.to_vec()));
    arrays.column(rows, |row| row.outcome.error.clone());
    arrays.column(rows, |row| row.batch.clone());
}

fn add_deliveries(arrays: &mut Arrays, group: &Group) {
    let rows: Vec<_> = group.deliveries().collect();
    arrays.column(&rows, |(of, _)| of.message);
    arrays.column(&rows, |(_, row)| row.id);
    arrays.column(&rows, |(of, _)| of.channel);
    arrays.column(&rows, |(_, row)| row.destination);
    arrays.column(&rows, |(of, _)| of.seq);
    arrays.column(&rows, |(_, row)| row.part);
    arrays.column(&rows, |(_, row)| i64::from(row.own_body.is_some()));
    arrays.column(&rows, |(_, row)| row.lane.to_vec());
    arrays.column(&rows, |(_, row)| row.state);
    arrays.column(&rows, |(of, _)| of.received_us);
    arrays.column(&rows, |(_, row)| row.reason_code.clone());
    arrays.column(&rows, |(_, row)| row.reason_step);
    arrays.column(&rows, |(_, row)| row.signature.map(|token| token.to_vec()));
    arrays.column(&rows, |(_, row)| row.error.clone());
}

fn add_settles(arrays: &mut Arrays, group: &Group) {
    let rows = &group.settles;
    arrays.column(rows, |row| row.message);
    arrays.column(rows, |row| row.delivery);
    arrays.column(rows, |row| row.state);
    arrays.column(rows, |row| row.until_us);
    arrays.column(rows, |row| row.reason_code.clone());
    arrays.column(rows, |row| row.started_us);
    arrays.column(rows, |row| row.duration_us);
    arrays.column(rows, |row| row.peer.clone());
    arrays.column(rows, |row| row.code.clone());
    arrays.column(rows, |row| i64::from(row.answered));
    arrays.column(rows, |row| row.response.clone());
    arrays.column(rows, |row| row.error.clone());
}
